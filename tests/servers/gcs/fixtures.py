"""Fixtures for tests with a bucket: import them into a conftest.py."""

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.servers.gcs.proxy import Proxy, running_proxy
from tests.servers.gcs.server import make_bucket, running_server


@pytest.fixture(scope="session")
def gcs_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the server, one per test process. Every test has its own bucket."""
    with running_server(tmp_path_factory.mktemp("gcs") / "log") as port:
        yield port


@pytest.fixture
def gcs(gcs_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy, which Google's library uses as Cloud Storage during the test."""
    with running_proxy(gcs_port) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        for name in [name for name in os.environ if name.startswith("GOOGLE_")]:
            monkeypatch.delenv(name)
        yield proxy


@pytest.fixture
def bucket(gcs_port: int) -> str:
    """The name of a new, empty bucket."""
    name = f"bucket-{secrets.token_hex(8)}"
    make_bucket(gcs_port, name)
    return name
