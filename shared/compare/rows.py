"""Rows of a table that two databases have in common, matched by key: counted, or one after the other.

Both files are attached to one connection, and SQLite walks one table and looks each row up in the other, so memory
does not grow with the tables. Values differ when their storage class or their bytes do; collations do not count,
and -0.0 is not 0.0. Generated columns are not looked at: they follow from the others.

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
from shared.runtime.progress import Progress, silent
from shared.sqlite.connect import distrust, uri
from shared.sqlite.names import quote_name

_STEPS = 100_000  # of SQLite's machine, some milliseconds: Python then sees Ctrl-C


@dataclass(frozen=True)
class Counts:
    """Rows that only the second database has, that only the first has, and that both have with other values."""

    added: int = 0
    removed: int = 0
    changed: int = 0


@dataclass(frozen=True)
class Match:
    """How the rows of one table are matched between the databases `a` and `b`."""

    table: str
    key: Key
    columns: tuple[str, ...]  # those that both have and that are stored, key columns included
    compared: tuple[str, ...]  # of these, what can differ: all but an INTEGER PRIMARY KEY
    signed_zero: frozenset[str]

    def differs(self, one: str = "x", other: str = "y") -> str:
        """The SQL condition that two rows of the same key have other values."""
        return " OR ".join(self._differs(quote_name(name), name, one, other) for name in self.compared) or "0"

    def _differs(self, column: str, name: str, one: str, other: str) -> str:
        this, that = f"{one}.{column}", f"{other}.{column}"
        test = f"{this} IS NOT {that} COLLATE BINARY OR typeof({this}) <> typeof({that})"
        if name in self.signed_zero:
            test += f" OR ({this} = 0 AND atan2({this}, -1.0) IS NOT atan2({that}, -1.0))"
        return test


@contextmanager
def pair(a: Path, b: Path, encoding: str) -> Iterator[apsw.Connection]:
    """A connection on which the two closed private files are the databases `a` and `b`, read-only."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    with closing(apsw.Connection(":memory:", flags=flags)) as connection:
        distrust(connection)
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        for name, path in (("a", a), ("b", b)):
            connection.execute(f"ATTACH ? AS {name}", (uri(path, "mode=ro", "immutable=1"),))
        connection.collation_needed(_stand_in)
        connection.set_progress_handler(lambda: False, _STEPS)
        yield connection


def match_tables(connection: apsw.Connection, one: Table, other: Table) -> Match | str:
    """How the rows of two versions of a table are matched, or why they cannot be."""
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
        totals = [_number(connection, f"SELECT count(*) FROM {_of(side, match)}") for side in "ab"]
        tables = f"{_of('a', match)} x CROSS JOIN {_of('b', match)} y ON {match.key.match('x', 'y')}"
        query = f"SELECT count(*), count(CASE WHEN {match.differs()} THEN 1 END) FROM {tables}"
        both, differing = connection.execute(query).fetchall()[0]
        assert isinstance(both, int)
        assert isinstance(differing, int)
    return Counts(added=totals[1] - both, removed=totals[0] - both, changed=differing)


def only_in(connection: apsw.Connection, match: Match, side: str, wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The expressions `wanted`, over the alias x, of each row that only `side` ("a" or "b") has."""
    other = "b" if side == "a" else "a"
    with _compare_errors(match.table):
        yield from connection.execute(
            f"SELECT {', '.join(wanted)} FROM {_of(side, match)} x WHERE NOT EXISTS"
            f" (SELECT 1 FROM {_of(other, match)} y WHERE {match.key.match('y', 'x')})"
        )


def changed(connection: apsw.Connection, match: Match, wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The expressions `wanted`, over x in `a` and y in `b`, of each row that both have with other values."""
    with _compare_errors(match.table):
        yield from connection.execute(
            f"SELECT {', '.join(wanted)} FROM {_of('a', match)} x CROSS JOIN {_of('b', match)} y"
            f" ON {match.key.match('x', 'y')} WHERE {match.differs()}"
        )


def count_all(connection: apsw.Connection, matches: Sequence[Match], progress: Progress = silent) -> dict[str, Counts]:
    """Counts for each matched table."""
    found = {}
    for number, match in enumerate(matches):
        progress("compare", number, len(matches))
        found[match.table] = count(connection, match)
    return found


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
    """Only where no affinity turns it into the integer 0 does SQLite keep -0.0."""
    return column.affinity in ("BLOB", "REAL")


def _has_null(connection: apsw.Connection, table: Table, key: Key) -> bool:
    """Returns whether a row on either side has NULL in its key: such rows are equal to none, not even to themselves."""
    where = " OR ".join(f"{column} IS NULL" for column in key.columns)
    with _compare_errors(table.name):
        return any(
            connection.execute(f"SELECT EXISTS (SELECT 1 FROM {side}.{quote_name(table.name)} WHERE {where})").get
            for side in "ab"
        )


def _number(connection: apsw.Connection, query: str) -> int:
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


def _stand_in(connection: apsw.Connection, name: str) -> None:
    connection.create_collation(name, lambda one, two: (one > two) - (one < two))
