"""Compares the rows of a table in two databases, matched by key: counts those that differ, or lists them.

Both files are attached to one connection. SQLite reads one table and looks each row up in the other, so memory does
not grow with the tables. Values differ if their storage class or their bytes do: collations are ignored, and -0.0 is
not 0.0. Generated columns are not compared: they follow from the others.

SQLite's session extension compares the same way, but keeps all changed rows in memory and takes 1 for 1.0.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from shared.compare.keys import Key, shared_keys
from shared.dump.tables import Column, Table
from shared.errors import SourceError
from shared.sqlite.connect import distrust, uri
from shared.sqlite.names import quote_name

_STEPS = 100_000  # instructions of SQLite, some milliseconds, after which Python handles Ctrl-C


@dataclass(frozen=True)
class Counts:
    """Rows that only `b` has (added), that only `a` has (removed), and that both have with other values (changed)."""

    added: int = 0
    removed: int = 0
    changed: int = 0


@dataclass(frozen=True)
class Match:
    """How the rows of one table are matched between the databases `a` and `b`."""

    table: str
    key: Key
    columns: tuple[str, ...]  # stored columns that both have, key columns included
    compared: tuple[str, ...]  # those of them that can differ: all but an INTEGER PRIMARY KEY
    signed_zero: frozenset[str]

    def differs(self, one: str = "x", other: str = "y") -> str:
        """Returns the SQL condition that two rows of the same key have different values."""
        return " OR ".join(self._differs(quote_name(name), name, one, other) for name in self.compared) or "0"

    def _differs(self, column: str, name: str, one: str, other: str) -> str:
        this, that = f"{one}.{column}", f"{other}.{column}"
        test = f"{this} IS NOT {that} COLLATE BINARY OR typeof({this}) <> typeof({that})"
        if name in self.signed_zero:
            test += f" OR ({this} = 0 AND atan2({this}, -1.0) IS NOT atan2({that}, -1.0))"
        return test


@contextmanager
def pair(a: Path, b: Path, encoding: str) -> Iterator[apsw.Connection]:
    """Opens a connection with two closed private files as the databases `a` and `b`, read-only."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    with closing(apsw.Connection(":memory:", flags=flags)) as connection:
        distrust(connection)
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        for name, path in (("a", a), ("b", b)):
            connection.execute(f"ATTACH ? AS {name}", (uri(path, "mode=ro", "immutable=1"),))
        connection.collation_needed(_add_collation)
        connection.set_progress_handler(lambda: False, _STEPS)
        yield connection


def match_tables(connection: apsw.Connection, one: Table, other: Table) -> Match | str:
    """Returns how the rows of two versions of a table are matched, or why they cannot be."""
    keys = shared_keys(one, other)
    if not keys.candidates:
        return keys.because
    for key in keys.candidates:
        if key.is_rowid or not _has_null(connection, one, key):
            return _match(one, other, key)
    return "its primary key holds NULL, and its columns hide the rowid"


def count(connection: apsw.Connection, match: Match) -> Counts:
    """Counts the rows that differ. Raises SourceError when a table cannot be read to its end."""
    with _compare_errors(match.table):
        totals = [number_of(connection, f"SELECT count(*) FROM {_of(side, match)}") for side in "ab"]
        tables = f"{_of('a', match)} x CROSS JOIN {_of('b', match)} y ON {match.key.match('x', 'y')}"
        query = f"SELECT count(*), count(CASE WHEN {match.differs()} THEN 1 END) FROM {tables}"
        both, differing = connection.execute(query).fetchall()[0]
        assert isinstance(both, int)
        assert isinstance(differing, int)
    return Counts(added=totals[1] - both, removed=totals[0] - both, changed=differing)


def only_in(connection: apsw.Connection, match: Match, side: str, wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yields the expressions `wanted`, over the alias x, of each row that only `side` ("a" or "b") has."""
    other = "b" if side == "a" else "a"
    with _compare_errors(match.table):
        yield from connection.execute(
            f"SELECT {', '.join(wanted)} FROM {_of(side, match)} x WHERE NOT EXISTS"
            f" (SELECT 1 FROM {_of(other, match)} y WHERE {match.key.match('y', 'x')})"
        )


def changed(connection: apsw.Connection, match: Match, wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yields the expressions `wanted`, over x in `a` and y in `b`, of each row that both have with other values."""
    with _compare_errors(match.table):
        yield from connection.execute(
            f"SELECT {', '.join(wanted)} FROM {_of('a', match)} x CROSS JOIN {_of('b', match)} y"
            f" ON {match.key.match('x', 'y')} WHERE {match.differs()}"
        )


def _match(one: Table, other: Table, key: Key) -> Match:
    theirs = {column.name for column in other.columns if not column.generated}
    columns = [column for column in one.columns if not column.generated and column.name in theirs]
    return Match(
        table=one.name,
        key=key,
        columns=tuple(column.name for column in columns),
        compared=tuple(column.name for column in columns if not (column.is_rowid and not key.is_rowid)),
        signed_zero=frozenset(column.name for column in columns if _keeps_signed_zero(column)),
    )


def _keeps_signed_zero(column: Column) -> bool:
    """Returns whether SQLite stores -0.0 in the column, instead of turning it into the integer 0."""
    return column.affinity in ("BLOB", "REAL")


def _has_null(connection: apsw.Connection, table: Table, key: Key) -> bool:
    """Returns whether a row on either side has NULL in its key: such a row equals no row, not even itself."""
    where = " OR ".join(f"{column} IS NULL" for column in key.columns)
    with _compare_errors(table.name):
        return any(
            connection.execute(f"SELECT EXISTS (SELECT 1 FROM {side}.{quote_name(table.name)} WHERE {where})").get
            for side in "ab"
        )


def number_of(connection: apsw.Connection, query: str) -> int:
    """Runs a query whose result is one integer."""
    found = connection.execute(query).get
    assert isinstance(found, int)
    return found


def _of(side: str, match: Match) -> str:
    return f"{side}.{quote_name(match.table)}"


@contextmanager
def _compare_errors(table: str) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise SourceError(
            f"cannot compare table {table!r}: SQLite says {type(error).__name__}; verify the backup, check the database"
        ) from None


def _add_collation(connection: apsw.Connection, name: str) -> None:
    """Defines an application's collation, so that its tables can be read."""
    connection.create_collation(name, lambda one, two: (one > two) - (one < two))
