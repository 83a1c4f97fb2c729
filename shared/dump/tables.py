"""Describes one table as SQLite sees it: columns, rowid, and the indexes of its constraints."""

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import apsw

from shared.dump.schema import TableFacts
from shared.sqlite.names import quote_name

Affinity = Literal["INTEGER", "NUMERIC", "REAL", "TEXT", "BLOB"]
KNOWN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})

# ASCII only, like SQLite: str.upper() turns a dotless i into I.
_TYPE_WORDS = re.compile(r"(?=(CHAR|CLOB|TEXT|BLOB|REAL|FLOA|DOUB|INT))", re.ASCII | re.IGNORECASE)
_STRICT_CLASSES = {"INT": "integer", "INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}


class Column(NamedTuple):
    name: str
    affinity: Affinity
    not_null: bool
    generated: Literal["", "virtual", "stored"] = ""
    strict_class: str = ""  # the only storage class that a STRICT table accepts here
    is_rowid: bool = False  # the INTEGER PRIMARY KEY: always an integer


class KeyColumn(NamedTuple):
    """A column of an index. `place` is its position in the table, -1 for the rowid, -2 for an expression."""

    place: int
    descending: bool
    collation: str
    is_key: bool


@dataclass(frozen=True)
class Constraint:
    """An index that SQLite created for a UNIQUE or PRIMARY KEY constraint, with the number in its name."""

    index: str
    number: int
    is_primary: bool
    columns: tuple[KeyColumn, ...]


class Table(NamedTuple):
    name: str
    columns: tuple[Column, ...]
    alias: int | None  # position of the INTEGER PRIMARY KEY
    rowid: str | None  # a name of the rowid that no column uses
    without_rowid: bool
    constraints: tuple[Constraint, ...]

    @property
    def required_collations(self) -> tuple[str, ...]:
        """Unknown collations that SQLite needs to read a WITHOUT ROWID table, although its key does not use them."""
        keys = [key for each in self.constraints if each.is_primary for key in each.columns if not key.is_key]
        unknown = (key.collation for key in keys if key.collation.upper() not in KNOWN_COLLATIONS)
        return tuple(dict.fromkeys(unknown)) if self.without_rowid else ()

    @property
    def has_stored(self) -> bool:
        return any(column.generated == "stored" for column in self.columns)

    @property
    def has_unique_virtual(self) -> bool:
        """Whether a constraint's index holds a virtual generated column, whose values are stored only there."""
        return any(
            key.place >= 0 and self.columns[key.place].generated == "virtual"
            for constraint in self.constraints
            for key in constraint.columns
        )


def read_table(connection: apsw.Connection, name: str, facts: TableFacts) -> Table:
    """Reads the description of a table that has pages of its own."""
    without_rowid = facts.without_rowid
    info: list[tuple[Any, ...]] = connection.execute(
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid", (name,)
    ).fetchall()
    columns = tuple(
        _column(column, declared, bool(not_null), hidden, strict=facts.strict)
        for column, declared, not_null, _key, hidden in info
    )
    constraints = _constraints(connection, name)
    keys = [i for i, row in enumerate(info) if row[3]]
    is_alias = (
        not without_rowid
        and len(keys) == 1
        and info[keys[0]][1].upper() == "INTEGER"
        and not any(constraint.is_primary for constraint in constraints)
    )
    if is_alias:
        columns = tuple(column._replace(is_rowid=place == keys[0]) for place, column in enumerate(columns))
    taken = {column.name.lower() for column in columns}
    free = [word for word in ("rowid", "_rowid_", "oid") if word not in taken]
    return Table(
        name=name,
        columns=columns,
        alias=keys[0] if is_alias else None,
        rowid=None if without_rowid or not free else free[0],
        without_rowid=without_rowid,
        constraints=constraints,
    )


def _column(name: str, declared: str, not_null: bool, hidden: int, *, strict: bool) -> Column:
    upper = declared.upper()
    return Column(
        name=name,
        affinity="BLOB" if strict and upper == "ANY" else affinity(declared),
        not_null=not_null,
        generated="virtual" if hidden == 2 else "stored" if hidden == 3 else "",
        strict_class=_STRICT_CLASSES.get(upper, "") if strict else "",
    )


def affinity(declared: str) -> Affinity:
    """Returns the affinity of a declared type, by the rules of https://sqlite.org/datatype3.html (3.1)."""
    found: Affinity = "NUMERIC" if declared else "BLOB"
    for word in map(str.upper, _TYPE_WORDS.findall(declared)):
        if word == "INT":
            return "INTEGER"
        if word in ("CHAR", "CLOB", "TEXT"):
            found = "TEXT"
        elif word == "BLOB" and found in ("NUMERIC", "REAL"):
            found = "BLOB"
        elif word in ("REAL", "FLOA", "DOUB") and found == "NUMERIC":
            found = "REAL"
    return found


def _constraints(connection: apsw.Connection, table: str) -> tuple[Constraint, ...]:
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT name, origin FROM pragma_index_list(?, 'main') WHERE origin <> 'c'", (table,)
    ).fetchall()
    found = [
        Constraint(name, int(name.rpartition("_")[2]), origin == "pk", key_columns(connection, name))
        for name, origin in rows
    ]
    return tuple(sorted(found, key=lambda constraint: constraint.number))


def key_columns(connection: apsw.Connection, index: str) -> tuple[KeyColumn, ...]:
    """Returns the columns of an index in the order of its entries."""
    return tuple(
        KeyColumn(place, bool(descending), collation, bool(is_key))
        for place, descending, collation, is_key in connection.execute(
            "SELECT cid, \"desc\", coll, key FROM pragma_index_xinfo(?, 'main') ORDER BY seqno",
            (index,),
        )
    )


def seek_name(table: Table) -> str | None:
    """Returns the rowid's name in SQL. A keyword is preferred: a column may have an unknown collation."""
    return table.rowid or (None if table.alias is None else quote_name(table.columns[table.alias].name))


def qualified(table: Table) -> str:
    return f"main.{quote_name(table.name)}"
