"""What SQLite keeps of deleted rows outside of their tables: full-text indexes and samples of statistics."""

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
    """Rebuilds full-text indexes from their content, and empties samples. Returns what a person should know."""
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
    there = {name.lower() for name in table_facts(connection)}
    for name in _SAMPLES:
        if name in there:
            connection.execute(f"DELETE FROM main.{name}")
            notes.append(f"samples in {name} were removed: run ANALYZE")
    return notes


def check_forgets(connection: apsw.Connection, what: str, *, erased: int, absent: Collection[str]) -> None:
    """Raises NotErased for a full-text table without content when rows were erased: nothing can make it forget.

    `absent`: folded names of those that are known to hold nothing of the erased.
    """
    if not erased:
        return
    for name, is_contentless in _full_text(connection):
        if is_contentless and folded(name) not in absent and _holds_rows(connection, name):
            raise NotErased(
                f"the erasures cannot be replayed on {what}: the full-text table {name} has no content of its own "
                "(content=''), so its index cannot forget the erased rows; restore with --absent "
                f"{name} after you have seen that it holds nothing of them, or use another backup"
            )


def _holds_rows(connection: apsw.Connection, name: str) -> bool:
    """Returns whether the index holds anything: a contentless table answers count(*) by its docsize table."""
    try:
        return connection.execute(f"SELECT 1 FROM main.{quote_name(name)} LIMIT 1").fetchone() is not None
    except apsw.Error:
        return True


def with_own_content(connection: apsw.Connection) -> frozenset[str]:
    """The folded names of full-text tables that hold their rows themselves, which can be searched like a table."""
    schema = [(entry, _MODULE.search(entry.sql or "")) for entry in read_schema(connection) if entry.kind == "table"]
    return frozenset(folded(entry.name) for entry, found in schema if found and not _CONTENT.search(entry.sql or ""))


def _full_text(connection: apsw.Connection) -> Iterator[tuple[str, bool]]:
    for entry in read_schema(connection):
        found = _MODULE.search(entry.sql or "") if entry.kind == "table" else None
        if found is not None and entry.sql is not None:
            yield entry.name, _CONTENTLESS.search(entry.sql) is not None
