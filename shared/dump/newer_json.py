"""Finds JSON that SQLite 3.40 cannot read: JSON5 in text, and JSONB in blobs (https://sqlite.org/json1.html).

An older shell that loads the dump cannot compute an index or a generated column from such a value.
"""

import re

import apsw

from shared.dump.tables import Table, qualified
from shared.sqlite.names import quote_name

_READS_JSON = re.compile(r"json|->", re.IGNORECASE)
_STRICT, _ANY = 1, 2 | 4  # flags of json_valid(): RFC 8259; JSON5, or a blob that looks like JSONB


def may_read_json(sql: str) -> bool:
    """Returns whether a definition may call a function that reads JSON; may be true although it does not."""
    return _READS_JSON.search(sql) is not None


def holds_newer_json(connection: apsw.Connection, table: Table) -> bool:
    """Returns whether the table stores JSON that SQLite 3.40 cannot read. Reads the whole table."""
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
