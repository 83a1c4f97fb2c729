"""Base class of the two readers of a table's rows."""

from dataclasses import dataclass

import apsw

from shared.dump.row_source import Rows
from shared.dump.values import row_text, trapped
from shared.errors import NoSql
from shared.sqlite.names import quote_name
from shared.text import count

AIM = 128 << 10  # bytes of an ordinary statement
LARGEST = 1 << 20  # bytes of a statement with several rows
LONGEST = 1_000_000_000 - 1  # bytes of any statement: SQLite's limit


@dataclass
class RowTally:
    """Rows that were written, and trapped rows that were left out."""

    rows: int = 0
    trapped: int = 0


class Reading:
    """Builds the SQL expressions of one table's rows, and checks the size of statements."""

    def __init__(
        self, connection: apsw.Connection, rows: Rows, encoding: str, tally: RowTally, longest: int = LONGEST
    ) -> None:
        self._longest = longest
        self._connection = connection
        self._rows = rows
        self._tally = tally
        self._encoding = encoding
        self._head = rows.head.encode()
        columns = [(quote_name(column.name), column) for column in rows.columns]
        trap = trapped(columns)
        self._left_out = f"NOT {trap}" if rows.only_trapped else trap  # trapped rows and others are written separately
        rowid = rows.seek if rows.writes_seek else None
        self._ordinary = row_text(columns, rowid, careful=False)
        self._careful = f"CASE WHEN {self._left_out} THEN NULL ELSE {row_text(columns, rowid, careful=True)} END"
        # NOT INDEXED: a covering index would give the rows in its own order.
        self._from = f"FROM {rows.source} NOT INDEXED" + (f" WHERE ({rows.only})" if rows.only else "")

    @property
    def _may_be_ordinary(self) -> bool:
        return self._encoding == "utf-8" and not self._rows.only_trapped

    def _statement(self, body: list[bytes]) -> bytes:
        statement = b"".join((self._head, *body, b";\n"))
        self._check_size(len(statement))
        return statement

    def _check_size(self, size: int) -> None:
        if size > self._longest:
            raise self._too_long()

    def _too_long(self) -> NoSql:
        why = "SQLite could not read it back" if self._longest == LONGEST else "loading it would take too much memory"
        return NoSql(
            f"{self._rows.title} holds a row that takes over {self._longest} bytes as SQL{self._widest_column()}:"
            f" {why}; back up the page image only (BACKUP_FORMATS=sqlite)"
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
        return f" (column {name!r}, {count(widest, 'byte')})" if name else ""


def is_ordinary(text: bytes) -> bool:
    """Returns whether the expressions for ordinary values were right for all of this text."""
    if b"\0" in text or b"\r" in text:
        return False
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
