"""Keeps SQLite's list of objects short while many tables are made, so that the time grows with their number.

With each CREATE TABLE SQLite reads the whole of sqlite_schema and goes through all tables that it has in memory
(OP_ParseSchema, and sqlite3FkClearTriggerCache in OP_SetCookie): 20,000 tables take minutes. Here the rows of tables
that are made and filled are taken out of sqlite_schema in between, and are put back as they were, rowids included,
before any statement that could ask for them. Their pages are not touched. A name that was made twice is found then,
when SQLite reads all of the schema again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

BATCH = 200  # tables that SQLite has to go through at most

_COLUMNS = "rowid, type, name, tbl_name, rootpage, sql"
# The last one stays for its rowid, after which SQLite numbers the next, and so does its table, where it is an index;
# sqlite_sequence would be made again.
_DONE = """
    FROM main.sqlite_schema
    WHERE rowid < (SELECT max(rowid) FROM main.sqlite_schema) AND name <> 'sqlite_sequence'
        AND tbl_name <> (SELECT tbl_name FROM main.sqlite_schema ORDER BY rowid DESC LIMIT 1)
"""
_PUT_BACK = f"INSERT INTO main.sqlite_schema({_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?)"


class ShortSchema:
    """The schema of one private connection, on which nobody else works. Needs DBCONFIG_DEFENSIVE to be off."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._made = 0
        self._hidden: list[tuple[Any, ...]] = []

    def before_table(self) -> None:
        """A table is to be made next, and those that are there have all of their rows."""
        if self._made >= BATCH:
            self._hide()
        self._made += 1

    def show(self) -> None:
        """Puts all of them back. Raises apsw.Error where SQLite does not take them as a schema."""
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
        """Afterwards SQLite reads the schema anew."""
        self._connection.execute("PRAGMA writable_schema=ON")
        yield
        self._connection.execute("PRAGMA writable_schema=RESET")
