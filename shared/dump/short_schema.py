"""Keeps SQLite's schema short while many tables are created, so that the time stays linear in their number.

With each CREATE TABLE SQLite reads the whole of sqlite_schema and visits all tables that it has in memory
(OP_ParseSchema, and sqlite3FkClearTriggerCache in OP_SetCookie): 20,000 tables take minutes. So the rows of tables
that are complete are removed from sqlite_schema for a while. They are put back unchanged, rowids included, before any
statement that could need them. Their pages are not touched. A table name that was used twice is found at that point,
when SQLite reads the whole schema again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

BATCH = 200  # the most tables that stay in the schema

_COLUMNS = "rowid, type, name, tbl_name, rootpage, sql"
# The last row stays, because SQLite derives the next rowid from it; if it is an index, its table stays too.
# sqlite_sequence stays, because SQLite would create it again.
_DONE = """
    FROM main.sqlite_schema
    WHERE rowid < (SELECT max(rowid) FROM main.sqlite_schema) AND name <> 'sqlite_sequence'
        AND tbl_name <> (SELECT tbl_name FROM main.sqlite_schema ORDER BY rowid DESC LIMIT 1)
"""
_PUT_BACK = f"INSERT INTO main.sqlite_schema({_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?)"


class ShortSchema:
    """Shortens the schema of one private connection. Needs DBCONFIG_DEFENSIVE off."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._made = 0
        self._hidden: list[tuple[Any, ...]] = []

    def before_table(self) -> None:
        """Call this before CREATE TABLE, when all existing tables have all of their rows."""
        if self._made >= BATCH:
            self._hide()
        self._made += 1

    def show(self) -> None:
        """Puts all removed rows back. Raises apsw.Error if SQLite does not accept them as a schema."""
        self._made = 0
        if not self._hidden:
            return
        hidden, self._hidden = self._hidden, []
        with self._writable():
            self._connection.executemany(_PUT_BACK, hidden)

    def _hide(self) -> None:
        self._made = 0
        with self._writable():
            self._hidden += self._connection.execute(f"SELECT {_COLUMNS} {_DONE}").fetchall()
            self._connection.execute(f"DELETE {_DONE}")

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """Allows writes to sqlite_schema; afterwards SQLite reads the schema again."""
        self._connection.execute("PRAGMA writable_schema=ON")
        yield
        self._connection.execute("PRAGMA writable_schema=RESET")
