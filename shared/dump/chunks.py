"""Reads a table in rowid order: SQLite builds the text of each INSERT statement in one query.

The number of rows in a statement depends only on the size of the previous one, so equal content gives equal statements.
"""

from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import apsw

from shared.dump.large_rows import row_body
from shared.dump.reading import AIM, LARGEST, Reading, is_ordinary
from shared.sqlite.names import quote_name

_FIRST = 64  # rows in a table's first statement
_BETWEEN_ROWS = "'),\n('"  # in SQL
# Queries on a view are short, so apsw caches them however many columns the table has. They use bounds because a LIMIT
# makes SQLite copy each value every time the query mentions it.
_VIEW = "temp.litekeep_rows_"
_NUMBERS = count(1)  # for the names of the views: one connection may have several readers
_MOST_ROWS = 1 << 40  # in a statement


class _Chunk(NamedTuple):
    """The text of some rows; `body` is empty when all of them were left out."""

    body: list[bytes]
    left_out: int


class Chunks(Reading):
    """Reads rows in ranges of rowids."""

    def statements(self) -> Iterator[bytes]:
        self._view = f"{_VIEW}{next(_NUMBERS)}"
        self._make_view()
        try:
            yield from self._statements()
        finally:
            with suppress(apsw.Error):  # the connection may be closed, and has no view then
                self._connection.execute(f"DROP VIEW IF EXISTS {self._view}").fetchall()

    def _statements(self) -> Iterator[bytes]:
        """Yields the statements. If a chunk is too large, tries again with fewer rows."""
        last, limit, after = -(1 << 63), _FIRST, ">="
        while True:
            window = f"SELECT r FROM {self._view} WHERE r {after} ? ORDER BY r LIMIT ?"
            end, taken = self._connection.execute(f"SELECT max(r), count(*) FROM ({window})", (last, limit)).get
            if not taken:
                return
            if after == ">" and end <= last:  # else the loop would never end
                raise apsw.CorruptError("its rowids are out of order")
            try:
                chunk = self._chunk(f"r {after} ? AND r <= ?", (last, end), taken)
            except apsw.TooBigError:
                if limit > 1:
                    limit = max(1, limit // 4)
                else:
                    written = yield from self._large(end)
                    limit = 1 if written else min(limit * 4, _MOST_ROWS)
                    last, after = end, ">"
                continue
            last, after = end, ">"
            self._tally.rows += taken - chunk.left_out
            if not self._rows.only_trapped:
                self._tally.trapped += chunk.left_out
            if chunk.body:
                statement = self._statement(chunk.body)
                limit = max(1, min(AIM * taken // len(statement), limit * 16))
                yield statement
            else:
                limit = min(limit * 4, _MOST_ROWS)

    def _make_view(self) -> None:
        largest = ",".join(f"ifnull(octet_length({quote_name(column.name)}),0)" for column in self._rows.columns)
        self._connection.execute(
            f"CREATE VIEW {self._view} AS SELECT {self._rows.seek} AS r, {self._ordinary} AS ordinary,"
            f" {self._careful} AS careful, {self._left_out} AS left_out, max(0,{largest}) AS largest {self._from}"
        ).fetchall()

    def _chunk(self, condition: str, bounds: tuple[int, int], taken: int) -> _Chunk:
        """Returns the text of the rows that meet the condition; `taken` is their number. Raises apsw.TooBigError."""
        most = max(LARGEST - len(self._head) - 4, AIM)
        before = self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, most)
        try:
            if self._may_be_ordinary:
                text = f"CAST(group_concat(ordinary, {_BETWEEN_ROWS}) AS BLOB)"
                query = f"SELECT {text}, count(*) FROM {self._view} WHERE {condition}"
                body, found = self._connection.execute(query, bounds).get
                _check_count(found, taken)
                if is_ordinary(body):
                    return _Chunk([b"(", body, b")"], 0)
            text = f"group_concat(careful, {_BETWEEN_ROWS})"
            query = f"SELECT {text}, sum(left_out), count(*) FROM {self._view} WHERE {condition}"
            text, left_out, found = self._connection.execute(query, bounds).get
            _check_count(found, taken)
            largest = f"SELECT max(largest) FROM {self._view} WHERE {condition}"
            if left_out and self._connection.execute(largest, bounds).get > most:
                raise apsw.TooBigError  # also for a value that is left out: statement boundaries must never change
            return _Chunk([b"(", text.encode(), b")"] if text else [], left_out)
        finally:
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, before)

    def _large(self, rowid: int) -> Generator[bytes, None, bool]:
        """Yields one row that is too large for an ordinary statement, in pieces. Returns whether it was written."""
        rows = self._rows
        found: list[tuple[Any, ...]] = self._connection.execute(
            f"SELECT left_out FROM {self._view} WHERE r = ?", (rowid,)
        ).fetchall()
        _check_count(len(found), 1)
        if found[0][0]:
            if not rows.only_trapped:
                self._tally.trapped += 1
            return False
        yield self._head + (b"(%d," % rowid if rows.writes_seek else b"(")
        size = len(self._head)
        try:
            for piece in row_body(self._connection, rows, rowid, self._encoding, self._check_size):
                size += len(piece)
                self._check_size(size)
                yield piece
        except apsw.TooBigError:
            raise self._too_long() from None
        yield b");\n"
        self._tally.rows += 1
        return True


def _check_count(found: int, wanted: int) -> None:
    if found != wanted:
        raise apsw.CorruptError(f"expected {wanted} rows, found {found}")
