"""Data of deleted rows that SQLite keeps outside of their tables: full-text indexes and statistics samples."""

import re
from collections.abc import Collection, Iterator

import apsw

from shared.dump.schema import folded, read_schema, table_facts
from shared.errors import NotErased
from shared.sqlite.names import quote_name

_MODULE = re.compile(r"\bUSING\s+[\"'`\[]?(fts[345])\b", re.IGNORECASE)
_CONTENTLESS = re.compile(r"\bcontent\s*=\s*(''|\"\"|(?=[,)]))", re.IGNORECASE)
_CONTENT = re.compile(r"\bcontent\s*=", re.IGNORECASE)
_SAMPLES = ("sqlite_stat4", "sqlite_stat3")


def forget_residue(connection: apsw.Connection, what: str) -> list[str]:
    """Rebuilds full-text indexes from their content and empties samples. Returns notes for the user."""
    notes = []
    for name, is_contentless in _full_text(connection):
        if is_contentless:
            continue  # see check_forgets
        try:
            connection.execute(f"INSERT INTO main.{quote_name(name)}({quote_name(name)}) VALUES('rebuild')")
        except apsw.Error as error:
            raise NotErased(
                f"the erasures cannot be replayed on {what}: the full-text table {name} cannot be rebuilt "
                f"({type(error).__name__}), and its index keeps words of erased rows; use another backup"
            ) from None
    existing = {name.lower() for name in table_facts(connection)}
    for name in _SAMPLES:
        if name in existing:
            connection.execute(f"DELETE FROM main.{name}")
            notes.append(f"samples in {name} were removed: run ANALYZE")
    return notes


def check_forgets(connection: apsw.Connection, what: str, *, erased: int, absent: Collection[str]) -> None:
    """Raises NotErased if rows were erased and a full-text table has no content: its index cannot be rebuilt.

    `absent`: folded names of tables known to have nothing of the erased rows.
    """
    if not erased:
        return
    for name, is_contentless in _full_text(connection):
        if is_contentless and folded(name) not in absent and _holds_rows(connection, name):
            raise NotErased(
                f"the erasures cannot be replayed on {what}: the full-text table {name} has no content of its own "
                "(content=''), so its index may still have words of the erased rows; if you know that it has none, "
                f"add --absent {name}, or else use another backup"
            )


def _holds_rows(connection: apsw.Connection, name: str) -> bool:
    """Returns whether the index has any rows. A contentless table answers this from its docsize table."""
    try:
        return connection.execute(f"SELECT 1 FROM main.{quote_name(name)} LIMIT 1").fetchone() is not None
    except apsw.Error:
        return True


def with_own_content(connection: apsw.Connection) -> frozenset[str]:
    """Returns the folded names of full-text tables with content of their own, which can be searched like a table."""
    schema = [(entry, _MODULE.search(entry.sql or "")) for entry in read_schema(connection) if entry.kind == "table"]
    return frozenset(folded(entry.name) for entry, found in schema if found and not _CONTENT.search(entry.sql or ""))


def _full_text(connection: apsw.Connection) -> Iterator[tuple[str, bool]]:
    for entry in read_schema(connection):
        found = _MODULE.search(entry.sql or "") if entry.kind == "table" else None
        if found is not None and entry.sql is not None:
            yield entry.name, _CONTENTLESS.search(entry.sql) is not None
