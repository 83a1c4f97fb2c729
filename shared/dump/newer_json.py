"""JSON that today's SQLite reads and 3.40 does not: JSON5 in text, and JSONB in blobs (https://sqlite.org/json1.html).

What an index or a generated column makes of it cannot be computed by every shell that may load the dump.
"""

import re

import apsw

from shared.dump.tables import Table, qualified
from shared.sqlite.names import quote_name

_READS_JSON = re.compile(r"json|->", re.IGNORECASE)
_STRICT, _ANY = 1, 2 | 4  # of json_valid(): RFC 8259; JSON5 or what looks like JSONB


def may_read_json(sql: str) -> bool:
    """Returns whether a definition may call a function that reads JSON; never no where it does."""
    return _READS_JSON.search(sql) is not None


def holds_newer_json(connection: apsw.Connection, table: Table) -> bool:
    """Returns whether a stored value of the table is JSON, and none to SQLite 3.40. Reads the whole table."""
    columns = [
        f"({quote_name(column.name)} COLLATE BINARY)" for column in table.columns if column.generated != "virtual"
    ]
    return any(
        connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM {qualified(table)} NOT INDEXED"
            f" WHERE json_valid({column},{_ANY}) AND NOT json_valid({column},{_STRICT}))"
        ).get
        for column in columns
    )
