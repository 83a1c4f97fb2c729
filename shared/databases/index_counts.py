"""Whether each index has as many entries as its table has rows: what `quick_check` leaves out, and costs little.

That an entry also holds what its row holds takes a search per row, half the time of a backup; the full
`integrity_check` of a verification does it.
"""

from collections.abc import Iterator
from typing import Any

import apsw

_INDEXES = """
    SELECT tables.name, indexes.name,
        EXISTS (SELECT 1 FROM pragma_index_info(indexes.name, 'main') WHERE cid = -2)
    FROM sqlite_schema AS tables, pragma_index_list(tables.name, 'main') AS indexes
    WHERE tables.type = 'table' AND tables.rootpage > 0 AND NOT indexes.partial
    ORDER BY 1, 2
"""

_COMPUTED = """
    SELECT indexes.name FROM pragma_index_list(?, 'main') AS indexes
    WHERE indexes.partial OR EXISTS (SELECT 1 FROM pragma_index_info(indexes.name, 'main') WHERE cid = -2)
"""


def computed_indexes(connection: apsw.Connection, table: str) -> list[str]:
    """The table's indexes whose number of entries may depend on what a function gives."""
    return [name for (name,) in connection.execute(_COMPUTED, (table,))]


def miscounted_indexes(connection: apsw.Connection) -> Iterator[str]:
    """A complaint, worded as SQLite words it, for each index whose number of entries is wrong.

    Partial indexes are left out, and those that SQLite cannot use here: their collation or function is unknown.
    A function that is unknown may also be a marker that another program's SQLite acts on, with an index left empty.
    """
    rows: dict[str, int] = {}
    indexes: list[tuple[Any, ...]] = connection.execute(_INDEXES).fetchall()
    for table, index, has_expressions in indexes:
        if has_expressions and not _is_known(connection, table):
            continue
        try:
            if table not in rows:
                rows[table] = connection.execute(f"SELECT count(*) FROM main.{_name(table)} NOT INDEXED").get
            # The second column keeps SQLite from counting whichever index is the smallest instead.
            query = f"SELECT count(*), 1 FROM main.{_name(table)} INDEXED BY {_name(index)}"
            entries, _ = connection.execute(query).get
        except apsw.SQLError:
            continue
        if entries != rows[table]:
            yield f"wrong # of entries in index {index}"


def need_all_known(connection: apsw.Connection, argument: str) -> None:
    """Raises apsw.SQLError where `integrity_check(argument)` needs a function or collation that is unknown here."""
    # Prepared, and its rows left unread: some hold bytes that are no text.
    connection.execute(f"EXPLAIN PRAGMA integrity_check({argument})").close()


def _is_known(connection: apsw.Connection, table: str) -> bool:
    try:
        need_all_known(connection, _name(table))
    except apsw.SQLError:
        return False
    return True


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
