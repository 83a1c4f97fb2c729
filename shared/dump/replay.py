"""Tests each statement of a dump's schema in a scratch database before it goes into the dump.

A statement is plain if it creates exactly the row of sqlite_schema that the source has, and calls no function that the
oldest supported SQLite lacks.
"""

from typing import Any

import apsw

from shared.dump.schema import SchemaObject
from shared.dump.short_schema import ShortSchema

_CODECS = {"utf-8": "UTF-8", "utf-16-le": "UTF-16le", "utf-16-be": "UTF-16be"}

# Functions built into SQLite 3.40 that indexes, checks and generated columns may call.
_FUNCTIONS = frozenset(
    """-> ->> abs acos acosh asin asinh atan atan2 atanh ceil ceiling char coalesce cos cosh date datetime
    degrees exp floor format glob hex ifnull iif instr json json_array json_array_length json_extract
    json_insert json_object json_patch json_quote json_remove json_replace json_set json_type json_valid
    julianday length like likelihood likely ln log log10 log2 lower ltrim max min mod nullif pi pow power
    printf quote radians replace round rtrim sign sin sinh sqrt strftime substr substring subtype tan tanh
    time trim trunc typeof unicode unixepoch unlikely upper zeroblob""".split()
)

_ALLOWED = frozenset(
    {
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_INSERT,
        apsw.SQLITE_PRAGMA,
        apsw.SQLITE_READ,
        apsw.SQLITE_REINDEX,
        apsw.SQLITE_SAVEPOINT,
        apsw.SQLITE_SELECT,
        apsw.SQLITE_UPDATE,
    }
)


class Replay:
    """A scratch database in memory in which the dump's schema is built, statement by statement.

    The statements come from the source and may be hostile: only the creation of objects is allowed, and no function
    runs because there are no rows.
    """

    def __init__(self, encoding: str) -> None:
        self._functions: set[str] = set()
        self._connection = apsw.Connection(":memory:")
        # As in newer shells, which reject "text" in place of 'text'.
        self._connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        self._connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        self._connection.execute(f"PRAGMA encoding='{_CODECS[encoding]}'; PRAGMA foreign_keys=OFF")
        self._schema = ShortSchema(self._connection)
        self._connection.authorizer = self._authorize

    def close(self) -> None:
        self._connection.close()

    @property
    def connection(self) -> apsw.Connection:
        self._schema.show()
        return self._connection

    def _authorize(self, action: int, _first: str | None, second: str | None, *_rest: str | None) -> int:
        if action == apsw.SQLITE_FUNCTION:
            self._functions.add((second or "").lower())
            return apsw.SQLITE_OK
        return apsw.SQLITE_OK if action in _ALLOWED else apsw.SQLITE_DENY

    def is_plain(self, entry: SchemaObject, statement: str, made_with_it: frozenset[str]) -> bool:
        """Runs the statement. Returns whether it created exactly this object and its constraints' indexes.

        If not, the statement is rolled back.
        """
        if entry.kind == "table":
            self._schema.before_table()
        else:
            self._schema.show()
        self._functions.clear()
        self._connection.execute("SAVEPOINT attempt")
        try:
            made = self._run(statement)
        except apsw.Error:
            made = None
        expected = (entry.kind, entry.name, entry.table, entry.sql)
        if made and made[0] == expected and self._functions <= _FUNCTIONS:
            others = {name for kind, name, table, _ in made[1:] if (kind, table) == ("index", entry.name)}
            extra = [name for _, name, table, _ in made[1:] if table not in (entry.name, "sqlite_sequence")]
            if others == made_with_it and not extra:
                self._connection.execute("RELEASE attempt")
                return True
        self._connection.execute("ROLLBACK TO attempt; RELEASE attempt")
        return False

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        newest = self._connection.execute("SELECT ifnull(max(rowid), 0) FROM sqlite_schema").get
        self._connection.execute(statement)
        made: list[tuple[Any, ...]] = self._connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE rowid > ? ORDER BY rowid", (newest,)
        ).fetchall()
        return made

    def run(self, statements: str) -> None:
        """Runs generated statements. Raises apsw.Error."""
        self._schema.show()
        self._connection.execute(statements)

    def has(self, name: str) -> bool:
        """Returns whether there is a table of that name."""
        self._schema.show()
        return self._connection.table_exists("main", name)
