"""Encodes rowsets: header, columns, values, in one frame or in chunks, plain or as LZ4 blocks.

`*LEN 0:VERS NROWS NCOLS DATA` in one frame; `/LEN IDX:VERS NROWS NCOLS DATA` in chunks ended by
`/6 0 0 0 `; `%LEN CLEN ULEN HEADER ZDATA` where DATA is compressed and HEADER says a length of 0."""

from dataclasses import dataclass

import lz4.block

from tests.servers.sqlitecloud.engine import Column, Rows
from tests.servers.sqlitecloud.errors import INTERNAL, Refusal
from tests.servers.sqlitecloud.wire import NULL, Reply, Value, integer, sized, string, value

CHUNKS_END = b"/6 0 0 0 "


@dataclass(frozen=True)
class Shape:
    """The rowset options of a connection. Sizes are bytes; 0 means no limit."""

    zero_text: bool = False
    no_blob: bool = False
    max_data: int = 0
    max_rows: int = 0
    max_rowset: int = 0
    chunk: int = 307200
    compress_above: int | None = None


def encode(rows: Rows, shape: Shape) -> Reply:
    """Encodes a rowset with the options of the connection. Raises Refusal above its MAXROWSET."""
    version = 2 if any(column.table for column in rows.columns) else 1
    head = _head(rows.columns, version)
    encoded = [b"".join(_cell(cell, shape) for cell in row) for row in rows.rows]
    size = len(head) + sum(map(len, encoded))
    if shape.max_rowset and size > shape.max_rowset:
        raise Refusal(INTERNAL, f"RowSet too big to be sent (limit set to {shape.max_rowset} bytes).")
    columns = len(rows.columns)
    if size <= shape.chunk and not (shape.max_rows and len(encoded) > shape.max_rows):
        return _frame(b"*", b"0:%d %d %d " % (version, len(encoded), columns), [head, *encoded], shape)
    return _chunks(head, encoded, version, columns, shape)


def table(columns: list[str], rows: list[tuple[Value, ...]]) -> Rows:
    """Returns rows that do not come from a database."""
    return Rows([Column(name, None, None, None, None) for name in columns], rows)


def _cell(cell: Value, shape: Shape) -> bytes:
    if isinstance(cell, bytes) and shape.no_blob:
        return NULL
    if shape.max_data and isinstance(cell, bytes | str):
        size = len(cell.encode() if isinstance(cell, str) else cell)
        if size > shape.max_data:
            return NULL
    return value(cell, zero_text=shape.zero_text)


def _head(columns: list[Column], version: int) -> bytes:
    head = [string(column.name) for column in columns]
    if version == 2:
        for block in ("declared", "database", "table", "origin"):
            head += [string(getattr(column, block) or "") for column in columns]
        for flag in ("not_null", "primary_key", "autoincrement"):
            head += [integer(int(getattr(column, flag))) for column in columns]
    return b"".join(head)


def _chunks(head: bytes, encoded: list[bytes], version: int, columns: int, shape: Shape) -> list[bytes]:
    frames: list[bytes] = []
    parts, size, count = [head], len(head), 0

    def close() -> None:
        header = b"%d:%d %d %d " % (len(frames) + 1, version, count, columns)
        frames.append(_frame(b"/", header, parts, shape))

    for row in encoded:
        if count and (size + len(row) > shape.chunk or (shape.max_rows and count >= shape.max_rows)):
            close()
            parts, size, count = [], 0, 0
        parts.append(row)
        size += len(row)
        count += 1
    close()
    return [*frames, CHUNKS_END]


def _frame(kind: bytes, header: bytes, parts: list[bytes], shape: Shape) -> bytes:
    data = b"".join(parts)
    if shape.compress_above is None or len(data) <= shape.compress_above:
        return sized(kind, header + data)
    packed = lz4.block.compress(data, store_size=False)
    return sized(b"%", b"%d %d %b0 %b%b" % (len(packed), len(data), kind, header, packed))
