"""Whether each index has as many entries as its table has rows: what `quick_check` leaves out, and costs little.

That an entry also holds what its row holds takes a search per row, half the time of a backup; the full
`integrity_check` of a verification does it.
"""

from collections.abc import Iterator
from typing import Any

import apsw

_INDEXES = """
    SELECT tables.name, indexes.name
    FROM sqlite_schema AS tables, pragma_index_list(tables.name, 'main') AS indexes
    WHERE tables.type = 'table' AND tables.rootpage > 0 AND NOT indexes.partial
    ORDER BY 1, 2
"""


def miscounted_indexes(connection: apsw.Connection) -> Iterator[str]:
    """A complaint, worded as SQLite words it, for each index whose number of entries is wrong.

    Partial indexes are left out, and those that SQLite cannot use here: their collation or function is unknown.
    """
    rows: dict[str, int] = {}
    indexes: list[tuple[Any, ...]] = connection.execute(_INDEXES).fetchall()
    for table, index in indexes:
        if table not in rows:
            rows[table] = connection.execute(f"SELECT count(*) FROM main.{_name(table)} NOT INDEXED").get
        try:
            # The second column keeps SQLite from counting whichever index is the smallest instead.
            query = f"SELECT count(*), 1 FROM main.{_name(table)} INDEXED BY {_name(index)}"
            entries, _ = connection.execute(query).get
        except apsw.SQLError:
            continue
        if entries != rows[table]:
            yield f"wrong # of entries in index {index}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
