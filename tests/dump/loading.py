"""Makes dumps, and loads them in each way that users do."""

import shlex
import sqlite3
import subprocess
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import apsw

from shared.dump.dump import LOAD_COMMAND, DumpCounts, DumpHeader, dump
from shared.dump.load import load_sql
from tests.dump.equality import assert_equal

HEADER = DumpHeader(database="app", created_at="2024-01-15T00:00:00Z", schema_version="7")
SHELL = "/usr/bin/sqlite3"
CURRENT_SHELL = Path(__file__).parent / "current_shell" / "node_modules" / "shell"


def dumped(database: Path, *, header: DumpHeader = HEADER, **options: object) -> bytes:
    """Returns the dump of a database file as bytes."""
    with closing(apsw.Connection(str(database))) as connection:
        return b"".join(dump(connection, header, **options))  # type: ignore[arg-type]


def load_by_shell(sql: bytes, target: Path) -> None:
    """Loads with the stock shell, which must print nothing."""
    done = subprocess.run([SHELL, "-bail", target], input=sql, capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"")


def load_as_documented(sql: bytes, target: Path, shell: str | Path = SHELL) -> None:
    """Loads with the command in the dump's header."""
    _, *options = shlex.split(LOAD_COMMAND)
    done = subprocess.run([shell, *options, target], input=sql, capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.split()) == (0, b"", [b"defensive", b"off"])


def load_by_current_shell(sql: bytes, target: Path) -> None:
    """Loads with a current shell, which is stricter than Debian's."""
    load_as_documented(sql, target, CURRENT_SHELL)


def load_by_python(sql: bytes, target: Path) -> None:
    """Loads with the standard library's module."""
    connection = sqlite3.connect(target)
    try:
        connection.executescript(sql.decode())
    finally:
        connection.close()


def load_by_litekeep(sql: bytes, target: Path) -> None:
    """Loads as a restore does: with the newest SQLite, and with limits."""
    load_sql([sql], target)


LOADERS: dict[str, Callable[[bytes, Path], None]] = {
    "shell": load_by_shell,
    "documented": load_as_documented,
    "current": load_by_current_shell,
    "python": load_by_python,
    "litekeep": load_by_litekeep,
}


def counted(database: Path) -> DumpCounts:
    counts = DumpCounts()
    dumped(database, counts=counts)
    return counts


def edit_schema(connection: apsw.Connection, table: str, sql: str) -> None:
    """Changes the SQL text of a table, as schema edits and old versions of SQLite did."""
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("UPDATE sqlite_schema SET sql=? WHERE type='table' AND name=?", (sql, table))
    connection.execute("PRAGMA writable_schema=RESET")


def built(path: Path, build: Callable[[apsw.Connection], object]) -> Path:
    """Returns a database file that `build` filled."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
        build(connection)
    return path


def round_trip(
    folder: Path, build: Callable[[apsw.Connection], object], loaders: Iterable[str] = tuple(LOADERS)
) -> bytes:
    """Builds a database, dumps it and loads it in each way. Each copy must be equal and give the same dump."""
    source = built(folder / "source.db", build)
    before = source.read_bytes()
    sql = dumped(source)
    assert source.read_bytes() == before, "the dump changed its source"
    assert b"\r" not in sql
    assert b"\0" not in sql
    for loader in loaders:
        copy = folder / f"{loader}.db"
        LOADERS[loader](sql, copy)
        assert_equal(source, copy)
        assert dumped(copy) == sql, f"the dump of the copy by {loader} differs"
    return sql
