"""Plans an erasure: the closure of rows over foreign keys, from the current schema."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import apsw

from shared.dump.schema import folded, table_facts
from shared.dump.tables import read_table
from shared.errors import UsageError
from shared.operations.erasure.entry import ComparedColumn, Link
from shared.operations.erasure.residue import with_own_content

_ACTIONS: dict[str, Literal["delete", "null", "default"]] = {"SET NULL": "null", "SET DEFAULT": "default"}


@dataclass(frozen=True)
class ForeignKey:
    child: str
    child_columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str

    @property
    def link(self) -> Link:
        return Link(
            child=self.child,
            child_columns=list(self.child_columns),
            parent=self.parent,
            parent_columns=list(self.parent_columns),
            action=_ACTIONS.get(self.on_delete, "delete"),
        )


@dataclass(frozen=True)
class ErasurePlan:
    places: list[ComparedColumn]
    links: list[Link]

    def lines(self) -> Iterator[str]:
        """Describes the plan: which rows are erased, and why."""
        for place in self.places:
            yield f"{place.table}: rows with a given value in {place.column}"
        for link in self.links:
            what = (
                "rows" if link.action == "delete" else f"{', '.join(link.child_columns)} set to {link.action} in rows"
            )
            columns = f"{', '.join(link.child_columns)} -> {link.parent}.{', '.join(link.parent_columns)}"
            yield f"{link.child}: {what} that refer to erased rows ({columns})"


def plan_erasure(connection: apsw.Connection, table: str, column: str, also: Sequence[str]) -> ErasurePlan:
    """Returns the columns and the closure. Raises UsageError if a table or column is missing or cannot be searched."""
    places = [_place(connection, table, column, "--table", "--column")]
    for text in also:
        other, dot, name = text.rpartition(".")
        if not dot:
            raise UsageError(
                f"--also {text[:100]!r} is no TABLE.COLUMN: name the table and its column, such as orders.email"
            )
        places.append(_place(connection, other, name, "--also", "--also"))
    places = [place for number, place in enumerate(places) if place not in places[:number]]
    return ErasurePlan(places, closure(foreign_keys(connection), [place.table for place in places]))


def closure(keys: Sequence[ForeignKey], tables: Sequence[str]) -> list[Link]:
    """Returns the links from erased rows to rows that refer to them, nearest first."""
    links: list[Link] = []
    seen, waiting = {folded(table) for table in tables}, deque(tables)
    while waiting:
        parent = folded(waiting.popleft())
        for key in keys:
            if folded(key.parent) != parent:
                continue
            link = key.link
            if link not in links:
                links.append(link)
            if link.action == "delete" and folded(key.child) not in seen:
                seen.add(folded(key.child))
                waiting.append(key.child)
    return links


def foreign_keys(connection: apsw.Connection) -> list[ForeignKey]:
    """Returns every declared foreign key whose parent table exists."""
    found: dict[tuple[str, int], list[tuple[str, str | None, str, str]]] = {}
    tables = {folded(name): name for name, facts in table_facts(connection).items() if facts.kind == "table"}
    for child in tables.values():
        rows: list[tuple[Any, ...]] = connection.execute(
            'SELECT id, "table", "from", "to", on_delete FROM pragma_foreign_key_list(?, \'main\') ORDER BY id, seq',
            (child,),
        ).fetchall()
        for number, parent, source, target, on_delete in rows:
            found.setdefault((child, number), []).append((parent, target, source, on_delete))
    keys = []
    for (child, _), parts in found.items():
        parent = tables.get(folded(parts[0][0]))
        if parent is None:
            continue
        targets = tuple(part[1] for part in parts if part[1] is not None) or _primary(connection, parent)
        if len(targets) == len(parts):
            keys.append(ForeignKey(child, tuple(part[2] for part in parts), parent, targets, parts[0][3]))
    return keys


def _primary(connection: apsw.Connection, table: str) -> tuple[str, ...]:
    rows = connection.execute("SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk", (table,))
    return tuple(name for (name,) in rows)


def _place(connection: apsw.Connection, table: str, column: str, table_flag: str, column_flag: str) -> ComparedColumn:
    facts = {folded(name): (name, about) for name, about in table_facts(connection).items()}
    if folded(table) not in facts:
        known = ", ".join(sorted(name for name, _ in facts.values())[:20])
        raise UsageError(f"{table_flag} {table[:100]!r} is no table of the database, which has {known}")
    name, about = facts[folded(table)]
    if about.kind != "table" and folded(name) not in with_own_content(connection):
        raise UsageError(f"{table_flag} {name!r} is a {about.kind} table: name the table that has the rows")
    columns = read_table(connection, name, about).columns
    found = next((each.name for each in columns if folded(each.name) == folded(column)), None)
    if found is None:
        raise UsageError(f"{column_flag} {column[:100]!r} is no column of {name}")
    collation = connection.column_metadata("main", name, found)[1]
    return ComparedColumn(table=name, column=found, fold=collation.upper() == "NOCASE")
