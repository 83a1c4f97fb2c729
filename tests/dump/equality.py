"""Compares two database files bit by bit, as far as SQLite can see, with nothing normalised."""

import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

_PRAGMAS = ("user_version", "application_id", "encoding", "page_size", "auto_vacuum")


def assert_equal(left: Path, right: Path) -> None:
    """Fails with the first difference found."""
    with closing(apsw.Connection(str(left))) as one, closing(apsw.Connection(str(right))) as two:
        for pragma in _PRAGMAS:
            assert (pragma, one.pragma(pragma)) == (pragma, two.pragma(pragma))
        assert objects(one) == objects(two)
        for name in stored_tables(one):
            assert contents(one, name) == contents(two, name), f"rows of {name!r} differ"
        # An index on an unknown function makes the check fail in both files alike.
        assert checked(one) == checked(two)


def objects(connection: apsw.Connection) -> list[tuple[Any, ...]]:
    """Returns the rows of sqlite_schema, as bytes, sorted."""
    query = "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB), rootpage = 0"
    return sorted(connection.execute(f"{query} FROM sqlite_schema"), key=repr)


def stored_tables(connection: apsw.Connection) -> list[str]:
    """Returns the tables with pages of their own."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage"
    return [name for (name,) in connection.execute(query).fetchall()]


def contents(connection: apsw.Connection, table: str) -> list[tuple[Any, ...]]:
    """Returns every row with its visible rowid and each value as (storage class, bytes), in the table's order.

    Skips virtual generated columns: they may call functions that are unknown here.
    """
    info = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (table,)).fetchall()
    names = [quoted(name) for name, hidden in info if hidden != 2]
    taken = {name.lower() for name, _ in info}
    without_rowid = connection.execute("SELECT wr FROM pragma_table_list(?)", (table,)).get
    free = [word for word in ("rowid", "_rowid_", "oid") if word not in taken and not without_rowid]
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(names), 500):  # a result has at most 2000 columns
        terms = [*free[:1], *(part for name in names[start : start + 500] for part in _seen(name))]
        query = f"SELECT {','.join(terms)} FROM {quoted(table)} NOT INDEXED"
        found += [tuple(_bits(value) for value in row) for row in connection.execute(query)]
    return found


def _seen(name: str) -> tuple[str, str]:
    return f"typeof({name})", f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def _bits(value: Any) -> Any:
    return struct.pack(">d", value) if isinstance(value, float) else value


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def checked(connection: apsw.Connection) -> list[str]:
    """Returns the results of SQLite's own checks, sorted, because their order depends on how the schema was read."""
    found = []
    for pragma in ("integrity_check", "foreign_key_check"):
        try:
            found += [repr(row) for row in connection.execute(f"PRAGMA {pragma}")]
        except apsw.SQLError as error:
            found.append(str(error))
    return sorted(found)
