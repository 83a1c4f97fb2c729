"""Fixtures of a bucket."""

from tests.servers.gcs.fixtures import bucket, gcs, gcs_port

__all__ = ["bucket", "gcs", "gcs_port"]
