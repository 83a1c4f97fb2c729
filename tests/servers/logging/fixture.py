"""Fixtures for tests that need Cloud Logging: `from tests.servers.logging.fixture import logging  # noqa: F401`."""

from collections.abc import Iterator

import pytest

from tests.servers.logging.server import LoggingServer

LOG = "projects/acme-prod/logs/litekeep"
URL = f"gcp-logging://{LOG}"


@pytest.fixture
def logging() -> Iterator[LoggingServer]:
    """A running server without entries."""
    with LoggingServer().running() as server:
        yield server
