"""Fixtures: a local node with a small database, and its addresses. Retries do not wait."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import stamina

from shared.sqlitecloud.connection_string import Address, Secret, parse_connection_string
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.retries import ATTEMPTS
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.encrypted import KEY
from tests.sqlitecloud_server.raw import Raw

NAME = "app one.db"
SCHEMA = """
PRAGMA page_size = 1024;
CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT);
WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c LIMIT 60) INSERT INTO t SELECT i, 'row ' || i FROM c;
CREATE INDEX by_n ON t (n);
"""


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    folder.mkdir()
    make_database(folder / NAME)
    return folder


def make_database(path: Path, script: str = SCHEMA) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """A node without TLS."""
    with Server(data, plain=True) as running:
        yield running


@pytest.fixture
def secure(data: Path) -> Iterator[Server]:
    with Server(data) as running:
        yield running


def address_of(server: Server, **options: str | int) -> Address:
    return parse_connection_string(server.url(**options), allow_insecure=True).address


@pytest.fixture
def address(server: Server) -> Address:
    return address_of(server)


@pytest.fixture
def impatient(address: Address) -> Address:
    """The address with a timeout of 50 ms."""
    return replace(address, timeout=0.05)


@pytest.fixture
def located(address: Address) -> Callable[..., CloudLocation]:
    def make(name: str = NAME) -> CloudLocation:
        return CloudLocation(address, name)

    return make


@pytest.fixture
def locked(server: Server) -> Server:
    """The node, with the database encrypted."""
    with Raw(server) as raw:
        assert raw.ask(f"ENCRYPT DATABASE '{NAME}' KEY ?", KEY) == b"+2 OK"
    return server


@pytest.fixture
def keyed(located: Callable[..., CloudLocation]) -> Callable[..., CloudLocation]:
    """Makes locations with the key of the database."""

    def make(name: str = NAME) -> CloudLocation:
        found = located(name)
        return replace(found, address=replace(found.address, key=Secret(KEY)))

    return make


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.db"
    make_database(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO t VALUES (1, 'from the backup');")
    return path
