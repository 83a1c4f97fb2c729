"""The rows of one table as INSERT statements of many rows each.

The work is done by SQLite: one query returns the text of a whole statement. It is written
for ordinary values and marks everything else with a NUL; a chunk that holds a NUL, a CR or bytes that
are not UTF-8 is made again with the careful expressions. How many rows go into a statement
follows from the size of the one before, so equal content gives equal statements.

A row is trapped when its column would change or refuse one of its values (text `12` in an INTEGER column,
NULL in a NOT NULL one: schema edits and old versions leave such rows behind). Trapped rows are left out and
counted; `standins.py` says how they travel.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import apsw

from shared.dump.identifiers import quote_name
from shared.dump.large_rows import row_body
from shared.dump.literals import real_literal, text_literal
from shared.dump.row_source import Rows
from shared.dump.values import row_text, trapped
from shared.errors import SourceError

AIM = 128 << 10  # bytes in a statement
LARGEST = 1 << 20  # bytes in a statement of several rows
LONGEST = 1_000_000_000 - 1  # bytes in any statement: what SQLite parses
_WIDEST = 2000  # values in a row of a VALUES with several rows
_WIDEST_CHUNKED = 100  # columns: each chunk's query is prepared anew, in a time that grows with their square
_FIRST = 64  # rows in a table's first statement
_BETWEEN_ROWS = "'),\n('"  # in SQL


@dataclass
class Tally:
    rows: int = 0
    trapped: int = 0


def register_literals(connection: apsw.Connection, encoding: str) -> None:
    """Gives the connection the functions that the expressions of `values.py` call."""

    functions: dict[str, Callable[..., Any]] = {
        "lk_real": real_literal,
        "lk_text": lambda raw: text_literal(raw, encoding),
    }
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)


def statements(connection: apsw.Connection, rows: Rows, encoding: str, tally: Tally) -> Iterator[bytes]:
    """INSERT statements, each whole, UTF-8, at most LARGEST bytes unless one row is longer.

    Needs `register_literals`. Raises SourceError when a row is longer than SQLite can read back.
    """
    reading = _Chunks if rows.seek and len(rows.columns) <= _WIDEST_CHUNKED else _Stream
    return reading(connection, rows, encoding, tally).statements()


class _Reading:
    """The queries that all ways of reading share."""

    def __init__(self, connection: apsw.Connection, rows: Rows, encoding: str, tally: Tally) -> None:
        self._connection = connection
        self._rows = rows
        self._tally = tally
        self._encoding = encoding
        self._head = rows.head.encode()
        self._named = [(f"c{place}", column) for place, column in enumerate(rows.columns)]
        self._trap = trapped(self._named)

    def _text(self, *, careful: bool) -> str:
        rowid = "r" if self._rows.writes_seek else None
        return row_text(self._named, rowid, careful=careful)

    def _source(self, *more: str) -> str:
        # A column keeps its affinity through COLLATE, and then no unknown collation is asked for.
        # NOT INDEXED: a covering index would give the rows in its own order.
        columns = [f"{quote_name(column.name)} COLLATE BINARY AS {name}" for name, column in self._named]
        only = f" WHERE ({self._rows.only})" if self._rows.only else ""
        return f"SELECT {','.join([*more, *columns])} FROM {self._rows.source} NOT INDEXED{only}"

    def _statement(self, body: list[bytes]) -> bytes:
        statement = b"".join((self._head, *body, b";\n"))
        if len(statement) > LONGEST:
            raise self._too_long()
        return statement

    def _too_long(self) -> SourceError:
        return SourceError(
            f"{self._rows.title} holds a row that takes over {LONGEST} bytes as SQL{self._widest_column()}:"
            " SQLite could not read it back; back up the page image only (BACKUP_FORMATS=sqlite)"
        )

    def _widest_column(self) -> str:
        widest, name = 0, ""
        for column in self._rows.columns:
            quoted = quote_name(column.name)
            size = self._connection.execute(
                f"SELECT max(octet_length({quoted})) FROM {self._rows.source} NOT INDEXED"
            ).get
            if isinstance(size, int) and size > widest:
                widest, name = size, column.name
        return f" (column {name!r}, {widest} bytes)" if name else ""


class _Chunk(NamedTuple):
    """What one query read: the rows' text (nothing when all were left out), up to which rowid, how many rows."""

    body: list[bytes]
    end: int
    taken: int
    left_out: int


class _Chunks(_Reading):
    """Reads a table along its rowid, a statement's worth at a time."""

    def statements(self) -> Iterator[bytes]:
        last, limit, after = -(1 << 63), _FIRST, ">="
        queries = {sign: self._queries(sign) for sign in (">=", ">")}
        while True:
            try:
                chunk = self._chunk(queries[after], last, limit)
            except apsw.TooBigError:
                if limit > 1:
                    limit = max(1, limit // 4)
                    continue
                chunk = self._large(after, last)
            if not chunk.taken:
                return
            last, after = chunk.end, ">"
            self._tally.rows += chunk.taken - chunk.left_out
            if not self._rows.only_trapped:
                self._tally.trapped += chunk.left_out
            if chunk.body:
                statement = self._statement(chunk.body)
                limit = max(1, min(AIM * chunk.taken // len(statement), limit * 16))
                yield statement
            else:
                limit *= 4

    def _chunk(self, queries: tuple[str, str], last: int, limit: int) -> _Chunk:
        before = self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, max(LARGEST - len(self._head) - 4, AIM))
        try:
            if self._encoding == "utf-8" and not self._rows.only_trapped:
                body, end, taken, left_out = self._connection.execute(queries[0], (last, limit)).get
                if body is None or _is_ordinary(body):
                    return _Chunk([b"(", body, b")"] if body else [], end, taken, left_out)
            text, end, taken, left_out = self._connection.execute(queries[1], (last, limit)).get
            return _Chunk([b"(", text.encode(), b")"] if text else [], end, taken, left_out or 0)
        finally:
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, before)

    def _large(self, after: str, last: int) -> _Chunk:
        """The next row alone, which is larger than a statement should be."""
        rows = self._rows
        query = f"SELECT r, {self._trap} FROM ({self._window(after)})"
        found: list[tuple[Any, ...]] = self._connection.execute(query, (last, 1)).fetchall()
        rowid, is_trapped = found[0]
        if bool(is_trapped) != rows.only_trapped:
            return _Chunk([], rowid, 1, 1)
        body = [b"(%d," % rowid if rows.writes_seek else b"("]
        size = len(self._head)
        try:
            for piece in row_body(self._connection, rows, rowid, self._encoding):
                body.append(piece)
                size += len(piece)
                if size > LONGEST:
                    raise self._too_long()
        except apsw.TooBigError:
            raise self._too_long() from None
        return _Chunk([*body, b")"], rowid, 1, 0)

    def _queries(self, after: str) -> tuple[str, str]:
        """The query for ordinary rows, and the one for all, of rows after (`>`) or from (`>=`) a rowid."""
        window = self._window(after)
        left_out = f"NOT {self._trap}" if self._rows.only_trapped else self._trap
        fast = f"CAST(group_concat({self._text(careful=False)}, {_BETWEEN_ROWS}) AS BLOB)"
        careful = f"CASE WHEN {left_out} THEN NULL ELSE {self._text(careful=True)} END"
        return (
            f"SELECT {fast}, max(r), count(*), 0 FROM ({window})",
            f"SELECT group_concat({careful}, {_BETWEEN_ROWS}), max(r), count(*), sum({left_out}) FROM ({window})",
        )

    def _window(self, after: str) -> str:
        seek = self._rows.seek
        joint = "AND" if self._rows.only else "WHERE"
        return f"{self._source(f'{seek} AS r')} {joint} {seek} {after} ? ORDER BY {seek} LIMIT ?"


class _Stream(_Reading):
    """Reads a table in one go, in the order of its pages: no rowid to continue from can be named."""

    def statements(self) -> Iterator[bytes]:
        most = LARGEST - len(self._head) - 2
        if len(self._rows.columns) + self._rows.writes_seek > _WIDEST:
            most = 0
        waiting: list[bytes] = []
        size = 0
        for row in self._texts():
            if waiting and (size + len(row) > most or size >= AIM):
                yield self._statement([b",\n".join(waiting)])
                waiting, size = [], 0
            waiting.append(row)
            size += len(row) + 2
            self._tally.rows += 1
        if waiting:
            yield self._statement([b",\n".join(waiting)])

    def _texts(self) -> Iterator[bytes]:
        rows = self._rows
        named = [(f"({quote_name(column.name)} COLLATE BINARY)", column) for column in rows.columns]
        left_out = trapped(named)
        if rows.only_trapped:
            left_out = f"NOT {left_out}"
        text = row_text(named, rows.seek if rows.writes_seek else None, careful=True)
        only = f" WHERE ({rows.only})" if rows.only else ""
        order = f" ORDER BY {rows.order}" if rows.order else ""
        made = f"CASE WHEN {left_out} THEN NULL ELSE {text} END"
        query = f"SELECT {made} FROM {rows.source} NOT INDEXED{only}{order}"
        try:
            for (row,) in self._connection.execute(query):
                if row is not None:
                    yield b"(%b)" % row.encode()
                elif not rows.only_trapped:
                    self._tally.trapped += 1
        except apsw.TooBigError:
            raise self._too_long() from None


def _is_ordinary(body: bytes) -> bool:
    if b"\0" in body or b"\r" in body:
        return False
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
