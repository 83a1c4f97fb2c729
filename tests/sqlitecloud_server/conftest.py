import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import Raw

SCHEMA = """
CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, n TEXT);
INSERT INTO t (n) VALUES ('a'), (NULL);
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one database, `x.db`."""
    folder = tmp_path / "data"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "x.db")) as connection:
        connection.executescript(SCHEMA)
    return folder


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """A server without TLS."""
    with Server(data, plain=True) as running:
        yield running


@pytest.fixture
def secure(data: Path) -> Iterator[Server]:
    with Server(data) as running:
        yield running


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Raw]]:
    """Opens connections to the plain server and closes them at the end."""
    opened: list[Raw] = []

    def open_one(database: str = "", *, login: bool = True) -> Raw:
        opened.append(Raw(server, database, login=login))
        return opened[-1]

    yield open_one
    for one in opened:
        one.__exit__(None, None, None)


@pytest.fixture
def client(connect: Callable[..., Raw]) -> Raw:
    """A connection that is logged in and uses `x.db`."""
    return connect("x.db")
