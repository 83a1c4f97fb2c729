"""Helpers for tests that read or write an encrypted database on a node."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.snapshot import snapshot_cloud
from tests.servers.sqlitecloud import Server

Located = Callable[..., CloudLocation]
KEY = "open sesame's"
MOMENT = datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC)


def snapshot(location: CloudLocation, destination: Path) -> Path:
    snapshot_cloud(location, destination, watch=lambda *_: None)
    return destination


def asked(server: Server) -> list[str]:
    """Returns all requests that the node received."""
    return [text for one in server.connections for text in one.requests]
