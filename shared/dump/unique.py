"""Whether the rows break a UNIQUE index: a schema edit or an application's collation leaves such rows behind.

A dump of them could not be loaded, and a page image can keep them.
"""

from contextlib import suppress
from typing import Any

import apsw

from shared.dump.identifiers import quote_name
from shared.dump.tables import KNOWN_COLLATIONS
from shared.errors import NoSql

_UNIQUE = """
    SELECT tables.name, indexes.name FROM sqlite_schema AS tables, pragma_index_list(tables.name, 'main') AS indexes
    WHERE tables.type = 'table' AND tables.rootpage AND indexes."unique" AND NOT indexes.partial ORDER BY 1, 2
"""
_KEYS = "SELECT cid, name, coll FROM pragma_index_xinfo(?, 'main') WHERE key ORDER BY seqno"


def refuse_broken_unique(connection: apsw.Connection) -> None:
    """Raises NoSql for the first UNIQUE index that holds a key twice. Reads each such index once, in its order.

    Left out are partial indexes, and those on expressions or unknown collations: SQLite cannot be asked about them in
    the order of their entries.
    """
    found: list[tuple[Any, ...]] = connection.execute(_UNIQUE).fetchall()
    for table, index in found:
        keys: list[tuple[Any, ...]] = connection.execute(_KEYS, (index,)).fetchall()
        if any(
            place < 0 or name is None or collation.upper() not in KNOWN_COLLATIONS for place, name, collation in keys
        ):
            continue
        with suppress(apsw.SQLError):  # a table without rowid is its own index, which cannot be named
            if connection.execute(_query(table, index, keys)).get:
                raise NoSql(
                    f"rows of table {table!r} break its UNIQUE index {index!r}: a dump of them could not be loaded; "
                    "remove the rows that are there twice, or back up the page image only (BACKUP_FORMATS=sqlite)"
                )


def _query(table: str, index: str, keys: list[tuple[Any, ...]]) -> str:
    there = " AND ".join(f"{quote_name(name)} IS NOT NULL" for _, name, _ in keys)
    terms = ", ".join(f"{quote_name(name)} COLLATE {collation}" for _, name, collation in keys)
    return (
        f"SELECT 1 FROM main.{quote_name(table)} INDEXED BY {quote_name(index)} WHERE {there}"
        f" GROUP BY {terms} HAVING count(*) > 1 LIMIT 1"
    )
