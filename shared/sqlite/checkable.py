"""What this SQLite can check: an application's functions and collations are unknown here."""

import apsw

_COMPUTED = """
    SELECT indexes.name FROM pragma_index_list(?, 'main') AS indexes
    WHERE indexes.partial OR EXISTS (SELECT 1 FROM pragma_index_info(indexes.name, 'main') WHERE cid = -2)
"""


def computed_indexes(connection: apsw.Connection, table: str) -> list[str]:
    """The table's indexes whose number of entries may depend on what a function gives."""
    return [name for (name,) in connection.execute(_COMPUTED, (table,))]


def need_all_known(connection: apsw.Connection, argument: str) -> None:
    """Raises apsw.SQLError where `integrity_check(argument)` needs a function or collation that is unknown here."""
    # Prepared, and its rows left unread: some hold bytes that are no text.
    connection.execute(f"EXPLAIN PRAGMA integrity_check({argument})").close()
