"""Reads the schema of a database file: the tables that can be compared, and those that cannot."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from shared.dump.schema import SchemaObject, TableFacts, is_internal, read_schema, table_facts
from shared.dump.tables import Table, read_table
from shared.errors import SourceError
from shared.sqlite.connect import open_snapshot

_CONTENT_OF_FTS = {"fts3": "_content", "fts4": "_content", "fts5": "_content"}


@dataclass(frozen=True)
class Virtual:
    """A virtual table. `content`: the ordinary table that holds its rows, if there is one."""

    name: str
    module: str
    content: str | None


@dataclass(frozen=True)
class Shape:
    """The schema of one database file. Names map to their entries as the schema spells them."""

    path: Path
    encoding: str
    objects: Mapping[tuple[str, str], SchemaObject]
    tables: Mapping[str, Table]
    virtual: Mapping[str, Virtual]
    user_version: int
    application_id: int


def read_shape(path: Path) -> Shape:
    """Reads the schema of a closed private file. Raises SourceError when SQLite cannot read it."""
    try:
        with closing(open_snapshot(path)) as connection:
            return _shape(connection, path)
    except apsw.Error as error:
        raise SourceError(f"cannot compare: the schema is not readable by SQLite ({type(error).__name__})") from None


def _shape(connection: apsw.Connection, path: Path) -> Shape:
    schema, facts = read_schema(connection), table_facts(connection)
    tables = {
        entry.name: read_table(connection, entry.name, facts[entry.name])
        for entry in schema
        if _is_ordinary(entry, facts)
    }
    contents = {entry.name for entry in schema if entry.kind == "table" and entry.root}
    virtual = {entry.name: _virtual(entry, contents) for entry in schema if entry.kind == "table" and not entry.root}
    for found in virtual.values():
        if found.content and found.content not in tables:
            tables[found.content] = read_table(connection, found.content, facts[found.content])
    return Shape(
        path=path,
        encoding=str(connection.pragma("encoding")),
        objects={(entry.kind, entry.name): entry for entry in schema if not is_internal(entry.name)},
        tables=tables,
        virtual=virtual,
        user_version=int(str(connection.pragma("user_version"))),
        application_id=int(str(connection.pragma("application_id"))),
    )


def _is_ordinary(entry: SchemaObject, facts: Mapping[str, TableFacts]) -> bool:
    """Returns whether an entry is a user's ordinary table: not virtual, not a shadow table, not internal."""
    if entry.kind != "table" or not entry.root or is_internal(entry.name) or entry.name not in facts:
        return False
    return facts[entry.name].kind == "table"


def _virtual(entry: SchemaObject, contents: set[str]) -> Virtual:
    words = (entry.sql or "").lower().split(" using ", 1)
    module = words[1].split("(")[0].strip() if len(words) == 2 else "unknown"
    content = entry.name + _CONTENT_OF_FTS.get(module, "")
    own = module in _CONTENT_OF_FTS and content in contents
    return Virtual(entry.name, module, content if own else None)
