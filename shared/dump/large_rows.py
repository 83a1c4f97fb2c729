"""One row too large to be put together by SQLite without holding it many times over.

Its large values are read through SQLite's incremental I/O and turned into literals piece by piece, so
about twice the statement is in memory, not seven times.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import apsw

from shared.dump.identifiers import quote_name
from shared.dump.literals import text_literal
from shared.dump.row_source import Rows
from shared.dump.values import literal

LARGE = 64 << 10  # bytes of a value, from which it is worth the trouble
_PIECE = 1 << 20  # bytes read at a time


def row_body(connection: apsw.Connection, rows: Rows, rowid: int, encoding: str) -> Iterator[bytes]:
    """The literals of one row of a table, separated by commas, in pieces."""
    for place, column in enumerate(rows.columns):
        if place:
            yield b","
        quoted = f"({quote_name(column.name)} COLLATE BINARY)"
        source = f"FROM {rows.source} NOT INDEXED WHERE {rows.seek} = ?"
        query = f"SELECT typeof({quoted}), octet_length({quoted}) {source}"
        found: list[tuple[Any, ...]] = connection.execute(query, (rowid,)).fetchall()
        if not found:
            raise apsw.CorruptError("a row is there and cannot be found")
        kind, size = found[0]
        if kind not in ("blob", "text") or size < LARGE:
            text = connection.execute(f"SELECT {literal(quoted, column)} {source}", (rowid,)).get
            yield str(text).encode()
            continue
        pieces = _value(connection, rows, column.name, rowid)
        if kind == "blob":
            yield b"X'"
            yield from (piece.hex().upper().encode() for piece in pieces)
            yield b"'"
        else:
            yield text_literal(b"".join(pieces), encoding).encode()


def _value(connection: apsw.Connection, rows: Rows, column: str, rowid: int) -> Iterator[bytes]:
    try:
        handle = connection.blob_open("main", rows.table, column, rowid, False)
    except apsw.SQLError:  # SQLite opens no values of tables with generated columns
        query = f"SELECT CAST({quote_name(column)} AS BLOB) FROM {rows.source} WHERE {rows.seek} = ?"
        yield connection.execute(query, (rowid,)).get
        return
    with closing(handle):
        while piece := handle.read(_PIECE):
            yield piece
