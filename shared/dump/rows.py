"""Writes the rows of one table as INSERT statements of many rows each.

SQLite builds the text of the rows. The fast expressions are for ordinary values and mark everything else with a NUL.
Text with a NUL, a CR or bytes that are not UTF-8 is built again with the careful expressions, which give an ordinary
value the same text.

A row is trapped if a column would change or reject one of its values (text `12` in an INTEGER column, NULL in a
NOT NULL one: schema edits and old versions leave such rows behind). Trapped rows are left out here and counted; they
are dumped through a stand-in (`standins.py`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import apsw

from shared.dump.chunks import Chunks
from shared.dump.literals import real_literal, text_literal
from shared.dump.reading import LONGEST, RowTally
from shared.dump.row_source import Rows
from shared.dump.stream import Stream

_WIDEST_CHUNKED = 100  # columns; wider rows are read one by one. Never change it: statement boundaries depend on it


def register_literals(connection: apsw.Connection, encoding: str) -> None:
    """Gives the connection the functions that the expressions of `values.py` call."""

    functions: dict[str, Callable[..., Any]] = {
        "lk_real": _real,
        "lk_text": lambda raw: text_literal(raw, encoding),
    }
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)


def _real(value: float | None) -> str:
    if value is None:  # SQLite stores no NaN, and reads a stored one as NULL
        raise apsw.CorruptError("it holds a NaN, which SQL cannot express; BACKUP_FORMATS=sqlite keeps it")
    return real_literal(value)


def statements(
    connection: apsw.Connection, rows: Rows, encoding: str, tally: RowTally, longest: int = LONGEST
) -> Iterator[bytes]:
    """Yields INSERT statements in UTF-8 of at most LARGEST bytes; a longer row comes in pieces.

    Needs `register_literals`. Raises NoSql if a row takes more than `longest` bytes.
    """
    reading = Chunks if rows.seek and len(rows.columns) <= _WIDEST_CHUNKED else Stream
    for name in rows.collations:
        connection.create_collation(name, lambda one, two: (one > two) - (one < two))
    try:
        yield from reading(connection, rows, encoding, tally, longest).statements()
    finally:
        for name in rows.collations:
            connection.create_collation(name, None)
