"""How many foreign keys are violated: what `PRAGMA foreign_key_check` reports, counted faster where that is easy.

The pragma reads every row of a table and searches its parent for each. Where the key is one column that names
its parent's INTEGER PRIMARY KEY, as most do, a query counts the same; SQLite answers it from an index on the column
where there is one, a fifth of the time or less.
"""

from contextlib import suppress
from typing import Any

import apsw

from shared.sqlite.names import quote_name

_KEYS = """
    SELECT id, "table", max("from"), max("to"), count(*)
    FROM pragma_foreign_key_list(?, 'main') GROUP BY id ORDER BY id
"""
# The INTEGER PRIMARY KEY of a table is its rowid: no index belongs to it.
_ROWID_OF = """
    SELECT key.name FROM pragma_table_info(?, 'main') AS key
    WHERE key.pk = 1 AND upper(key.type) = 'INTEGER'
        AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk')
"""


class ForeignKeys:
    """The foreign keys of a database. What concerns all tables is asked once, so the time grows with their number."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._tables = _rowid_tables(connection)
        self._rowids: dict[str, tuple[str, str] | None] = {}

    def violations(self, table: str) -> int:
        """Of one table. Raises apsw.SQLError where SQLite cannot understand one of its foreign keys."""
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
        """`COLUMN FROM TABLE` of the parent, when the key is one column and that is the parent's rowid."""
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
    """Of one table. For several use ForeignKeys, which asks once what concerns all."""
    return ForeignKeys(connection).violations(table)


def _rowid_tables(connection: apsw.Connection) -> dict[str, str]:
    """The names of the tables with a rowid, by the name in ASCII lower case."""
    # SQLite would expand each view to count its columns: views on views grow exponentially.
    views = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, -1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    try:
        query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr"
        return {_folded(str(name)): str(name) for (name,) in connection.execute(query)}
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, views)


def _folded(name: str) -> str:
    """As SQLite compares names: only ASCII letters have two cases."""
    return "".join(character.lower() if character.isascii() else character for character in name)
