"""Fixtures of other tests that drills need too."""

from tests.cli.conftest import sample, workplace  # noqa: F401 - fixtures
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
