"""Finds what cannot be checked here: an application's functions and collations are unknown."""

import apsw

_COMPUTED = """
    SELECT indexes.name FROM pragma_index_list(?, 'main') AS indexes
    WHERE indexes.partial OR EXISTS (SELECT 1 FROM pragma_index_info(indexes.name, 'main') WHERE cid = -2)
"""


def computed_indexes(connection: apsw.Connection, table: str) -> list[str]:
    """Returns the table's indexes whose number of entries may depend on the result of a function."""
    return [name for (name,) in connection.execute(_COMPUTED, (table,))]


def require_known_functions(connection: apsw.Connection, argument: str) -> None:
    """Raises apsw.SQLError if `integrity_check(argument)` needs a function or collation that is unknown here."""
    # Prepared but not read: some rows hold bytes that are not text.
    connection.execute(f"EXPLAIN PRAGMA integrity_check({argument})").close()
