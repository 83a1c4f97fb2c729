"""Runs one query of the application on a restored database: read-only, for a limited time, without showing values.

It runs in the confined process on a private copy, opened as immutable. SQLite's authorizer allows only reading
(https://sqlite.org/c3ref/set_authorizer.html), so no statement can reach another file.
"""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from shared.operations.drill.app_checks import AppCheck, Comparison, Expected
from shared.runtime.confined_child import Call
from shared.sqlite.connect import open_snapshot
from shared.sqlite.sqlite_failures import kind_of
from shared.text import printable

_STEPS_BETWEEN_TIME_CHECKS = 10_000  # of SQLite's virtual machine: some 100 microseconds
_LONGEST_VALUE = 64 << 20  # bytes; SQLite's default limit is a gigabyte
_LONGEST_REASON = 200

_READS = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE})
_CHANGES = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "edit", "eval", "readfile", "writefile"})
_PRAGMAS = frozenset(
    """application_id data_version encoding foreign_key_check foreign_key_list index_info index_list index_xinfo
    integrity_check page_count page_size quick_check table_info table_list table_xinfo user_version""".split()
)


def ask(
    _call: Call, path: str, name: str, sql: str, comparison: Comparison, value: float | str | None, seconds: float
) -> list[Any]:
    """Runs one check in the confined process. Returns whether it passed, and a sentence for the report."""
    check = AppCheck(name, sql, Expected(comparison, value))
    try:
        with closing(open_snapshot(Path(path))) as connection:
            return list(_Query(connection, check, seconds).ask())
    except apsw.Error as error:
        return [False, f"the database cannot be read: {kind_of(error)}"]


class _Refused(Exception):
    """Why the query is refused, as the end of a sentence that begins with "the query"."""


class _Query:
    """One query. It has its own connection, so that it cannot affect the next query."""

    def __init__(self, connection: apsw.Connection, check: AppCheck, seconds: float) -> None:
        self._connection = connection
        self._check = check
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._statements = 0
        self._shadows = frozenset(_shadow_tables(connection))
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.limit(apsw.SQLITE_LIMIT_WORKER_THREADS, 0)
        connection.set_progress_handler(self._is_out_of_time, _STEPS_BETWEEN_TIME_CHECKS)
        connection.authorizer = self._authorize

    def ask(self) -> tuple[bool, str]:
        try:
            rows = self._first_two()
        except _Refused as refused:
            return False, f"the query {refused}"
        except apsw.InterruptError:
            return False, f"the query took longer than {self._seconds:g} s"
        except apsw.Error as error:
            return False, self._describe(error)
        except UnicodeDecodeError:
            return False, "the query gives text that is not UTF-8"
        return self._verdict(rows)

    def _verdict(self, rows: list[tuple[object, ...]]) -> tuple[bool, str]:
        if any(len(row) != 1 for row in rows):
            return False, f"the query gives {len(rows[0])} columns: it must give one"
        if self._check.expected.fits(rows):
            return True, "as expected"
        if self._check.expected.comparison != "no rows" and len(rows) != 1:
            return False, "the query gives no row" if not rows else "the query gives more than one row"
        return False, "other than expected"

    def _first_two(self) -> list[tuple[object, ...]]:
        cursor = self._connection.cursor()
        cursor.exec_trace = self._check_statement
        try:
            rows = [row for row, _ in zip(cursor.execute(self._check.sql), range(2), strict=False)]
        finally:
            cursor.close(force=True)
        if not self._statements:
            raise _Refused("gives no column")  # the text is blank
        return rows

    def _check_statement(self, cursor: apsw.Cursor, _sql: str, _bindings: object) -> bool:
        gives_columns = bool(cursor.get_description())
        if self._statements and not gives_columns and cursor.is_readonly:
            return True  # a comment after the query's semicolon
        self._statements += 1
        if self._statements > 1:
            raise _Refused("is more than one statement: keep one")
        if not cursor.is_readonly:
            raise _Refused("changes something: it may only read")
        if not gives_columns:
            raise _Refused("gives no column")
        return True

    def _authorize(
        self, action: int, first: str | None, second: str | None, _database: str | None, _inside: str | None
    ) -> int:
        if action in _READS:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION and (second or "").lower() not in _REFUSED_FUNCTIONS:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
            return apsw.SQLITE_OK
        if action in _CHANGES and first in self._shadows:
            return apsw.SQLITE_OK  # virtual tables prepare writes before they read; the file is read-only, so none runs
        return apsw.SQLITE_DENY

    def _is_out_of_time(self) -> bool:
        # SQLite does not call this within one function call, which may take hours: the CPU limit ends the process then.
        return time.monotonic() > self._ends_at

    def _describe(self, error: apsw.Error) -> str:
        """Describes an error. SQLite's message is used only before the query runs; later it may quote a row."""
        if isinstance(error, apsw.AuthError):
            return "the query may only read this database"
        if self._statements:
            return f"the query failed while it ran: {type(error).__name__}"
        message = printable(str(error), " ")
        return f"the query cannot run: {message[:_LONGEST_REASON]}"


def _shadow_tables(connection: apsw.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'")]
