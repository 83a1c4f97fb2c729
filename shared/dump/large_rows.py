"""Writes one very large row piece by piece, because SQLite would hold several copies of it in memory.

Large values are read through SQLite's incremental I/O, so only one piece of one value is in memory. A text is read
twice, because the beginning of its literal depends on all of it.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import apsw

from shared.dump.literals import text_pieces
from shared.dump.row_source import Rows
from shared.dump.values import literal
from shared.sqlite.names import quote_name

LARGE = 64 << 10  # bytes from which a value is read in pieces
_PIECE = 1 << 20  # bytes read at a time


def row_body(
    connection: apsw.Connection, rows: Rows, rowid: int, encoding: str, announce: Callable[[int], None]
) -> Iterator[bytes]:
    """Yields the literals of one row, separated by commas, in pieces.

    `announce` is called before a large value is read, with the minimum size of its literal in bytes; it may raise.
    """
    for place, column in enumerate(rows.columns):
        if place:
            yield b","
        quoted = f"({quote_name(column.name)} COLLATE BINARY)"
        source = f"FROM {rows.source} NOT INDEXED WHERE {rows.seek} = ?"
        plain = quote_name(column.name)  # for a bare column SQLite knows both without reading the value
        query = f"SELECT typeof({plain}), octet_length({plain}) {source}"
        found: list[tuple[Any, ...]] = connection.execute(query, (rowid,)).fetchall()
        if not found:
            raise apsw.CorruptError("a row that was counted cannot be read")
        kind, size = found[0]
        if kind not in ("blob", "text") or size < LARGE:
            text = connection.execute(f"SELECT {literal(quoted, column)} {source}", (rowid,)).get
            yield str(text).encode()
            continue
        announce(2 * size if kind == "blob" else size)
        read = partial(_value, connection, rows, column.name, rowid)
        if kind == "blob":
            yield b"X'"
            yield from (piece.hex().upper().encode() for piece in read())
            yield b"'"
        else:
            yield from text_pieces(read, encoding)


def _value(connection: apsw.Connection, rows: Rows, column: str, rowid: int) -> Iterator[bytes]:
    try:
        handle = connection.blob_open("main", rows.table, column, rowid, False)
    except apsw.SQLError:  # not supported for tables with generated columns
        query = f"SELECT CAST({quote_name(column)} AS BLOB) FROM {rows.source} WHERE {rows.seek} = ?"
        yield connection.execute(query, (rowid,)).get
        return
    with closing(handle):
        while piece := handle.read(_PIECE):
            yield piece
