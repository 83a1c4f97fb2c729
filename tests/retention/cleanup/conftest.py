"""A bucket, or a workplace for the command line, for whoever asks for one."""

from tests.cli.conftest import sample, workplace
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port

__all__ = ["bucket", "gcs", "gcs_port", "sample", "workplace"]
