"""Fixtures of a bucket and of a workplace for the command line."""

from tests.cli.conftest import sample, workplace
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port

__all__ = ["bucket", "gcs", "gcs_port", "sample", "workplace"]
