"""The rows of one table as INSERT statements of many rows each.

The work is done by SQLite, which puts together the text of rows. It is written for ordinary values and marks everything
else with a NUL; what holds a NUL, a CR or bytes that are not UTF-8 is made again with the careful expressions, which
give an ordinary value the same text.

A row is trapped when its column would change or refuse one of its values (text `12` in an INTEGER column,
NULL in a NOT NULL one: schema edits and old versions leave such rows behind). Trapped rows are left out and
counted; `standins.py` says how they travel.
"""

from collections.abc import Callable, Iterator
from typing import Any

import apsw

from shared.dump.chunks import Chunks
from shared.dump.literals import real_literal, text_literal
from shared.dump.reading import LONGEST, RowTally
from shared.dump.row_source import Rows
from shared.dump.stream import Stream

_WIDEST_CHUNKED = 100  # columns: rows of more are put together one by one, for ever, or statements would end elsewhere


def register_literals(connection: apsw.Connection, encoding: str) -> None:
    """Gives the connection the functions that the expressions of `values.py` call."""

    functions: dict[str, Callable[..., Any]] = {
        "lk_real": _real,
        "lk_text": lambda raw: text_literal(raw, encoding),
    }
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)


def _real(value: float | None) -> str:
    if value is None:  # SQLite stores no NaN, and reads what looks like one as NULL
        raise apsw.CorruptError("it holds a number that is none (NaN), which BACKUP_FORMATS=sqlite keeps as it is")
    return real_literal(value)


def statements(
    connection: apsw.Connection, rows: Rows, encoding: str, tally: RowTally, longest: int = LONGEST
) -> Iterator[bytes]:
    """INSERT statements, UTF-8, at most LARGEST bytes unless one row is longer; that one comes in pieces.

    Needs `register_literals`. Raises NoSql when a row takes more than `longest` bytes.
    """
    reading = Chunks if rows.seek and len(rows.columns) <= _WIDEST_CHUNKED else Stream
    for name in rows.collations:
        connection.create_collation(name, lambda one, two: (one > two) - (one < two))
    try:
        yield from reading(connection, rows, encoding, tally, longest).statements()
    finally:
        for name in rows.collations:
            connection.create_collation(name, None)
