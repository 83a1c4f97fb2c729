"""Stand-ins: substitutes for tables whose own CREATE TABLE would not accept their rows.

A stand-in has the same columns in the same page format, without types, checks, unknown collations or generated values,
so any row can be inserted unchanged. Afterwards its row in sqlite_schema gets the table's own text
(https://sqlite.org/pragma.html#pragma_writable_schema), which changes no page of the table.
The stand-in's own constraints create the indexes of the table's constraints, with the same numbers.
"""

from typing import NamedTuple

from shared.dump.literals import text_literal
from shared.dump.row_source import Rows
from shared.dump.tables import KNOWN_COLLATIONS, Column, Constraint, KeyColumn, Table, qualified, seek_name
from shared.errors import NoSql
from shared.sqlite.names import quote_name


class StandIn(NamedTuple):
    """The statements around the rows. `finish` goes into a `schema_edit`."""

    create: str
    rows: Rows
    finish: tuple[str, ...]


def schema_edit(statements: list[str]) -> str:
    """Wraps statements that write sqlite_schema, and makes SQLite read it again."""
    body = "".join(f"{statement};\n" for statement in statements)
    return f"PRAGMA writable_schema=ON;\n{body}PRAGMA writable_schema=RESET;\n"


def as_text(value: str | None, encoding: str) -> str:
    """Returns a schema text as a literal that any shell passes on unchanged."""
    return "NULL" if value is None else text_literal(value.encode(encoding), encoding)


def set_sql(kind: str, name: str, sql: str, encoding: str) -> str:
    """Returns the statement that sets the SQL text of an object to `sql`."""
    where = f"type='{kind}' AND name={as_text(name, encoding)}"
    return f"UPDATE sqlite_schema SET sql={as_text(sql, encoding)} WHERE {where}"


def stand_in(table: Table, sql: str, encoding: str, spare_name: str) -> StandIn:
    """Returns the stand-in for a table whose own text is `sql`. Raises NoSql if it cannot be dumped as SQL.

    `spare_name` is used while loading if a shell would change the table's own name.
    """
    name = table.name if _survives(table.name) else spare_name
    kept = [(place, column) for place, column in enumerate(table.columns) if column.generated != "virtual"]
    names = {place: column.name for place, column in kept}
    if not all(map(_survives, names.values())):
        names = {place: f"c{place}" for place in names}
    by_index = table.has_unique_virtual
    definition = _definition(table, names, with_unique=not by_index)
    true_name, load_name = as_text(table.name, encoding), as_text(name, encoding)
    finish = []
    if name != table.name and not by_index:
        finish = [
            f"UPDATE sqlite_schema SET name='sqlite_autoindex_'||{true_name}||'_{constraint.number}',"
            f" tbl_name={true_name} WHERE name='sqlite_autoindex_'||{load_name}||'_{constraint.number}'"
            for constraint in table.constraints
        ]
    finish.append(
        f"UPDATE sqlite_schema SET name={true_name}, tbl_name={true_name}, sql={as_text(sql, encoding)}"
        f" WHERE type='table' AND name={load_name}"
    )
    return StandIn(
        create=f"CREATE TABLE {quote_name(name)}{definition}",
        rows=_rows(table, quote_name(name), names),
        finish=tuple(finish),
    )


def _survives(name: str) -> bool:
    return "\r" not in name and "\0" not in name


def _rows(table: Table, into: str, names: dict[int, str]) -> Rows:
    return Rows(
        title=f"table {table.name!r}",
        source=qualified(table),
        into=into,
        columns=tuple(Column(table.columns[place].name, "BLOB", not_null=False) for place in names),
        into_names=tuple(names.values()),
        seek=seek_name(table),
        table=table.name,
        writes_seek=table.alias is None and table.rowid is not None,
        collations=table.required_collations,
    )


def _definition(table: Table, names: dict[int, str], *, with_unique: bool) -> str:
    parts = [
        quote_name(name) + (" INTEGER PRIMARY KEY" if place == table.alias else "") for place, name in names.items()
    ]
    for constraint in table.constraints:
        is_key = constraint.is_primary and table.without_rowid
        if is_key or with_unique:
            word = "PRIMARY KEY" if is_key else "UNIQUE"
            parts.append(f"{word}({','.join(_key(table, constraint, key, names) for key in _keys(constraint))})")
    return f"({','.join(parts)})" + (" WITHOUT ROWID" if table.without_rowid else "")


def _keys(constraint: Constraint) -> list[KeyColumn]:
    return [key for key in constraint.columns if key.is_key]


def _key(table: Table, constraint: Constraint, key: KeyColumn, names: dict[int, str]) -> str:
    if key.collation.upper() not in KNOWN_COLLATIONS and constraint.is_primary and table.without_rowid:
        raise NoSql(
            f"table {table.name!r} is WITHOUT ROWID and ordered by the collation {key.collation!r}, which"
            " SQLite does not have: it cannot be dumped as SQL; back up the page image only (BACKUP_FORMATS=sqlite)"
        )
    return key_term(quote_name(names[key.place]), key)


def key_term(column: str, key: KeyColumn) -> str:
    """Returns a column of an index as CREATE INDEX takes it, with BINARY for an unknown collation."""
    collation = key.collation if key.collation.upper() in KNOWN_COLLATIONS else "BINARY"
    return f"{column} COLLATE {collation}" + (" DESC" if key.descending else "")
