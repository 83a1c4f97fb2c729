"""Counts violated foreign keys, as `PRAGMA foreign_key_check` does, but faster for common keys.

The pragma reads every row of a table and searches the parent for each. If a key is one column that references its
parent's INTEGER PRIMARY KEY, as most are, a query counts the same. With an index on the column it takes a fifth of the
time or less.
"""

from contextlib import suppress
from typing import Any

import apsw

from shared.sqlite.names import quote_name

_KEYS = """
    SELECT id, "table", max("from"), max("to"), count(*)
    FROM pragma_foreign_key_list(?, 'main') GROUP BY id ORDER BY id
"""
# An INTEGER PRIMARY KEY is the rowid, and has no index.
_ROWID_OF = """
    SELECT key.name FROM pragma_table_info(?, 'main') AS key
    WHERE key.pk = 1 AND upper(key.type) = 'INTEGER'
        AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk')
"""


class ForeignKeys:
    """Counts violations in several tables. Facts about all tables are read once, so the time is linear."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._tables = _rowid_tables(connection)
        self._rowids: dict[str, tuple[str, str] | None] = {}

    def violations(self, table: str) -> int:
        """Returns the number of violations in one table. Raises apsw.SQLError if SQLite cannot parse a foreign key."""
        keys: list[tuple[Any, ...]] = self._connection.execute(_KEYS, (table,)).fetchall()
        if not keys:
            return 0
        rowids = [self._rowid_of(parent, named, columns) for _, parent, _, named, columns in keys]
        source = f"SELECT count(*) FROM main.{quote_name(table)}"
        queries = [
            f"{source} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT {rowid})"
            for column, rowid in zip([quote_name(key[2]) for key in keys], rowids, strict=True)
        ]
        with suppress(apsw.SQLError):  # an index on the column may need a collation that is unknown here
            if all(rowids):
                return sum(self._connection.execute(query).get for query in queries)
        return int(self._connection.execute("SELECT count(*) FROM pragma_foreign_key_check(?)", (table,)).get)

    def _rowid_of(self, parent: str, named: str | None, columns: int) -> str | None:
        """Returns `COLUMN FROM TABLE` of the parent if the key is one column and references the rowid, else None."""
        key = _folded(parent)
        if key not in self._rowids:
            self._rowids[key] = self._look_up(key)
        found = self._rowids[key]
        if columns != 1 or found is None or (named is not None and named.lower() != found[1].lower()):
            return None
        return f"{quote_name(found[1])} FROM main.{quote_name(found[0])}"

    def _look_up(self, key: str) -> tuple[str, str] | None:
        table = self._tables.get(key)
        if table is None:
            return None
        rows: list[tuple[Any, ...]] = self._connection.execute(_ROWID_OF, (table, table)).fetchall()
        return (table, str(rows[0][0])) if len(rows) == 1 else None


def count_violations(connection: apsw.Connection, table: str) -> int:
    """Returns the number of violations in one table. For several tables use ForeignKeys, which is faster."""
    return ForeignKeys(connection).violations(table)


def _rowid_tables(connection: apsw.Connection) -> dict[str, str]:
    """Returns the names of the tables with a rowid, by their names in ASCII lower case."""
    # Views off: SQLite would expand each view to count its columns, and views on views grow exponentially.
    views = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, -1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    try:
        query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr"
        return {_folded(str(name)): str(name) for (name,) in connection.execute(query)}
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, views)


def _folded(name: str) -> str:
    """Returns the name as SQLite compares it: only ASCII letters have a case."""
    return "".join(character.lower() if character.isascii() else character for character in name)
