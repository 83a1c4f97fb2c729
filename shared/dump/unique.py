"""Finds rows that break a UNIQUE index: schema edits and applications' collations leave such rows behind.

A dump with such rows could not be loaded. A page image can keep them.
"""

import json
from contextlib import suppress
from typing import Any

import apsw

from shared.dump.tables import KNOWN_COLLATIONS
from shared.errors import NoSql
from shared.sqlite.names import quote_name

_UNIQUE = """
    SELECT tables.name, indexes.name, (
        SELECT json_group_array(json_array(cid, name, coll, key)) FROM pragma_index_xinfo(indexes.name, 'main')
    )
    FROM sqlite_schema AS tables, pragma_index_list(tables.name, 'main') AS indexes
    WHERE tables.type = 'table' AND tables.rootpage AND indexes."unique" AND NOT indexes.partial ORDER BY 1, 2
"""
_OF_THE_KEY = """
    SELECT columns.coll
    FROM pragma_index_list(?, 'main') AS indexes, pragma_index_xinfo(indexes.name, 'main') AS columns
    WHERE indexes.origin = 'pk' AND columns.coll IS NOT NULL
"""


def refuse_broken_unique(connection: apsw.Connection) -> None:
    """Raises NoSql for the first UNIQUE index that holds a key twice. Reads each such index once, in its order.

    Skips partial indexes and those on expressions or unknown collations: SQLite cannot read them in index order here.
    """
    found: list[tuple[Any, ...]] = connection.execute(_UNIQUE).fetchall()
    for table, index, columns in found:
        keys = [key for key in json.loads(columns) if key[3]]
        if any(not _can_check(key) for key in keys) or not _can_read(connection, table):
            continue
        with suppress(apsw.SQLError):  # the primary key of a WITHOUT ROWID table has no index to name
            if connection.execute(_query(table, index, keys)).get:
                raise NoSql(
                    f"rows of table {table!r} break its UNIQUE index {index!r}: a dump of them could not be loaded; "
                    "remove the duplicate rows, or back up the page image only (BACKUP_FORMATS=sqlite)"
                )


def _can_check(key: list[Any]) -> bool:
    place, name, collation, _ = key
    return place >= 0 and name is not None and collation.upper() in KNOWN_COLLATIONS


def _can_read(connection: apsw.Connection, table: str) -> bool:
    """Returns whether the primary key's collations are known. SQLite never reads a table again after a failure."""
    return all(name.upper() in KNOWN_COLLATIONS for (name,) in connection.execute(_OF_THE_KEY, (table,)))


def _query(table: str, index: str, keys: list[list[Any]]) -> str:
    there = " AND ".join(f"{quote_name(name)} IS NOT NULL" for _, name, _, _ in keys)
    terms = ", ".join(f"{quote_name(name)} COLLATE {collation}" for _, name, collation, _ in keys)
    return (
        f"SELECT 1 FROM main.{quote_name(table)} INDEXED BY {quote_name(index)} WHERE {there}"
        f" GROUP BY {terms} HAVING count(*) > 1 LIMIT 1"
    )
