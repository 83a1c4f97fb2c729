"""Dumps made, and loaded the ways people load them."""

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from shared.dump.dump import DumpCounts, DumpHeader, dump
from shared.dump.load import load_sql

HEADER = DumpHeader(database="app", created_at="2024-01-15T00:00:00Z", schema_version="7")
SHELL = "/usr/bin/sqlite3"


def dumped(database: Path, **options: object) -> bytes:
    """The dump of a database file as one string of bytes."""
    with closing(apsw.Connection(str(database))) as connection:
        return b"".join(dump(connection, HEADER, **options))  # type: ignore[arg-type]


def load_by_shell(sql: bytes, target: Path) -> None:
    """Loads with the stock shell, which must not complain of anything."""
    done = subprocess.run([SHELL, "-bail", target], input=sql, capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"")


def load_by_python(sql: bytes, target: Path) -> None:
    """Loads with the standard library's module."""
    connection = sqlite3.connect(target)
    try:
        connection.executescript(sql.decode())
    finally:
        connection.close()


def load_by_ours(sql: bytes, target: Path) -> None:
    """Loads as a restore does, with the newest SQLite and under guard."""
    load_sql([sql], target)


LOADERS: dict[str, Callable[[bytes, Path], None]] = {
    "shell": load_by_shell,
    "python": load_by_python,
    "ours": load_by_ours,
}


def counted(database: Path) -> DumpCounts:
    counts = DumpCounts()
    dumped(database, counts=counts)
    return counts
