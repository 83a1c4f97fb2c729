"""Compares two database files: schema objects in words, rows of each table as counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from shared.compare.objects import SchemaChange, schema_changes
from shared.compare.rows import Counts, Match, count, match_tables, pair
from shared.compare.shapes import Shape, read_shape
from shared.errors import UsageError
from shared.runtime.progress import Progress, silent
from shared.sqlite.names import quote_name


@dataclass(frozen=True)
class TableDiff:
    """The differences of one table. `change`, of its definition: added, removed, same or schema. `counts`: of its rows.

    `by`: the key that the rows were matched by. `because`: why the rows were not compared.
    """

    name: str
    change: str
    counts: Counts | None
    by: str = ""
    because: str = ""

    @property
    def differs(self) -> bool:
        return self.change != "same" or self.counts != Counts()

    def to_json(self) -> dict[str, Any]:
        counts = self.counts
        return {
            "name": self.name,
            "change": self.change,
            "rows_added": counts and counts.added,
            "rows_removed": counts and counts.removed,
            "rows_changed": counts and counts.changed,
            "by": self.by or None,
            "not_compared": self.because or None,
        }


@dataclass(frozen=True)
class Comparison:
    """The differences from `a` to `b`, by table. `changes`: all schema objects that differ.

    `whole` is False if only some tables were compared.
    """

    tables: list[TableDiff]
    changes: list[SchemaChange] = field(default_factory=list)
    whole: bool = True

    @property
    def equal(self) -> bool:
        """Whether no difference was found. Tables that could not be compared do not count."""
        return not self.changes and not any(table.differs for table in self.tables)


@dataclass(frozen=True)
class Pair:
    """Two files on one connection, as the databases `a` and `b`."""

    a: Shape
    b: Shape
    connection: apsw.Connection

    def match(self, table: str) -> Match | str:
        """Returns how the rows of a table on both sides are matched, or why they cannot be."""
        stored = stored_name(self, table)
        if stored is None:
            return "its rows are not stored by a table on both sides"
        return match_tables(self.connection, self.a.tables[stored], self.b.tables[stored])


@contextmanager
def open_pair(a: Path, b: Path) -> Iterator[Pair]:
    """Opens two private files side by side. Raises UsageError when their text encodings differ."""
    one, other = read_shape(a), read_shape(b)
    if one.encoding != other.encoding:
        raise UsageError(
            f"cannot compare: one database is {one.encoding} and the other {other.encoding}; "
            "export both as SQL and compare those"
        )
    with pair(a, b, one.encoding) as connection:
        yield Pair(one, other, connection)


def compare(both: Pair, only: frozenset[str] = frozenset(), *, progress: Progress = silent) -> Comparison:
    """Compares all tables, or only those named. Raises UsageError for a table that neither side has."""
    names = sorted(_names(both.a) | _names(both.b))
    if unknown := only.difference(names):
        raise UsageError(f"--table {min(unknown)!r} is in neither database; there are: {', '.join(names) or 'none'}")
    tables = []
    for number, name in enumerate(names):
        progress("compare", number, len(names))
        if not only or name in only:
            tables.append(_compare_table(both, name))
    changes = schema_changes(both.a, both.b)
    return Comparison(tables, [change for change in changes if not only or _belongs(both, change, only)], not only)


def _names(shape: Shape) -> set[str]:
    contents = {virtual.content for virtual in shape.virtual.values()}
    return {name for name in shape.tables if name not in contents} | set(shape.virtual)


def _belongs(both: Pair, change: SchemaChange, only: frozenset[str]) -> bool:
    entry = both.a.objects.get((change.kind, change.name)) or both.b.objects.get((change.kind, change.name))
    return entry is not None and entry.table in only


def _compare_table(both: Pair, name: str) -> TableDiff:
    in_a, in_b = _has(both.a, name), _has(both.b, name)
    if not (in_a and in_b):
        shape, side = (both.a, "a") if in_a else (both.b, "b")
        rows = _rows_of(both, shape, side, name)
        counts = None if rows is None else Counts(removed=rows) if in_a else Counts(added=rows)
        because = "" if counts else "a virtual table without rows of its own"
        return TableDiff(name, "removed" if in_a else "added", counts, because=because)
    change = "same" if both.a.objects[("table", name)].sql == both.b.objects[("table", name)].sql else "schema"
    stored = stored_name(both, name)
    if not stored:
        module = both.a.virtual[name].module if name in both.a.virtual else "a table on one side only"
        return TableDiff(name, change, None, because=f"virtual table ({module}): its rows are not its own")
    match = both.match(name)
    if isinstance(match, str):
        return TableDiff(name, change, None, because=match)
    return TableDiff(name, change, count(both.connection, match), by=", ".join(match.key.names))


def stored_name(both: Pair, name: str) -> str | None:
    """Returns the ordinary table that holds a table's rows on both sides: itself, or a full-text table's content."""
    if name in both.a.tables and name in both.b.tables:
        return name
    one, other = both.a.virtual.get(name), both.b.virtual.get(name)
    return one.content if one and other and one.content == other.content else None


def _has(shape: Shape, name: str) -> bool:
    return name in shape.tables or name in shape.virtual


def _rows_of(both: Pair, shape: Shape, side: str, name: str) -> int | None:
    stored = name if name in shape.tables else shape.virtual[name].content
    if stored is None:
        return None

    return int(both.connection.execute(f"SELECT count(*) FROM {side}.{quote_name(stored)}").get)
