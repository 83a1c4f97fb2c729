"""Reads a table in a single pass, row by row: for tables without a rowid or with very many columns."""

from collections.abc import Iterator

import apsw

from shared.dump.reading import AIM, LARGEST, Reading, is_ordinary

_WIDEST = 2000  # values in a row of a VALUES with several rows


class Stream(Reading):
    """Reads rows one by one in a single query."""

    def statements(self) -> Iterator[bytes]:
        before = self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, -1)
        self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(before, self._longest))
        try:
            yield from self._statements()
        finally:
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, before)

    def _statements(self) -> Iterator[bytes]:
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
        """Yields the text of each row: by the fast expressions until one does not fit, then by the careful ones."""
        try:
            done = 0
            if self._may_be_ordinary and not self._order:  # sorting twice would take longer than the careful way
                for (row,) in self._connection.execute(f"SELECT CAST({self._ordinary} AS BLOB) {self._from}"):
                    if not is_ordinary(row):
                        break
                    yield b"(%b)" % row
                    done += 1
                else:
                    return
            yield from self._careful_texts(done)
        except apsw.TooBigError:
            raise self._too_long() from None

    def _careful_texts(self, after: int) -> Iterator[bytes]:
        # Without OFFSET if possible: with it SQLite sorts more slowly.
        rest = f" LIMIT -1 OFFSET {after}" if after else ""
        for (row,) in self._connection.execute(f"SELECT {self._careful} {self._from}{self._order}{rest}"):
            if row is not None:
                yield b"(%b)" % row.encode()
            elif not self._rows.only_trapped:
                self._tally.trapped += 1

    @property
    def _order(self) -> str:
        return f" ORDER BY {self._rows.order}" if self._rows.order else ""
