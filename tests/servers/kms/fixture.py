"""Fixtures for tests that need Cloud KMS: `from tests.servers.kms.fixture import kms  # noqa: F401`."""

from collections.abc import Iterator

import pytest

from tests.servers.kms.server import KmsServer

KEY = "projects/test/locations/europe-west3/keyRings/litekeep/cryptoKeys/backups"
URI = f"gcp-kms://{KEY}"
SIGNING_KEY = "projects/test/locations/europe-west3/keyRings/litekeep/cryptoKeys/ana"
SIGNING_URI = f"gcp-kms://{SIGNING_KEY}/cryptoKeyVersions/1"


@pytest.fixture
def kms() -> Iterator[KmsServer]:
    """A running server with one key, `KEY`."""
    server = KmsServer()
    server.add_key(KEY)
    with server.running():
        yield server
