"""A connection's SQLite: runs statements and returns rows with column origins, or counts of changes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import apsw
import apsw.ext

from tests.servers.sqlitecloud.authorizer import Authorizer
from tests.servers.sqlitecloud.errors import INTERNAL, Refusal
from tests.servers.sqlitecloud.statements import first_word
from tests.servers.sqlitecloud.wire import RawText, Value

_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"})
_CHECKPOINT_PAGES = 1000
_PROGRESS_STEPS = 100_000


@dataclass(frozen=True)
class Column:
    name: str
    declared: str | None
    database: str | None
    table: str | None
    origin: str | None
    not_null: bool = False
    primary_key: bool = False
    autoincrement: bool = False


@dataclass(frozen=True)
class Rows:
    columns: list[Column]
    rows: list[tuple[Value, ...]]


@dataclass(frozen=True)
class Changes:
    rowid: int
    changes: int
    total: int


class Engine:
    """An open database. Its methods belong to one thread, interrupt() to any."""

    def __init__(
        self,
        path: str,
        may: Callable[[str], bool],
        on_commit: Callable[[], None],
        stopped: Callable[[], bool],
        busy: int,
    ) -> None:
        """`may` checks a privilege; statements are interrupted once `stopped` returns true; `busy` is milliseconds."""
        self._connection = apsw.Connection(path)
        self._on_commit = on_commit
        self._connection.set_busy_timeout(busy)
        self._connection.set_progress_handler(stopped, _PROGRESS_STEPS)
        if path != ":memory:":
            try:
                self._connection.pragma("journal_mode", "wal")
            except apsw.Error as failure:
                self._connection.close()
                raise refusal_of(failure) from failure
            self._connection.pragma("synchronous", "normal")
            self._connection.set_wal_hook(self._committed)
        self._connection.authorizer = Authorizer(may)

    def _committed(self, connection: apsw.Connection, _name: str, pages: int) -> int:
        self._on_commit()
        if pages >= _CHECKPOINT_PAGES:
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.BusyError:
                return apsw.SQLITE_OK  # another connection is checkpointing
        return apsw.SQLITE_OK

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> None:
        self._connection.interrupt()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes()

    def execute(self, sql: str, bindings: Iterator[Value]) -> Rows | Changes | None:
        """Runs one statement, with as many bindings as it has parameters. Missing ones are NULL."""
        try:
            given = self._take(sql, bindings)
            described: list[tuple[str | None, ...]] = []
            cursor = self._connection.cursor()

            def describe(running: apsw.Cursor, _sql: str, _bindings: object) -> bool:
                described.extend(running.description_full)
                return True

            cursor.exec_trace = describe
            try:
                rows = cursor.execute(sql, given).fetchall()
            except UnicodeDecodeError:
                rows = self._undecoded(sql, given, len(described))
            if described:
                return Rows([self._column(entry) for entry in described], rows)
        except apsw.Error as failure:
            raise refusal_of(failure) from failure
        if first_word(sql) in _CHANGES:
            connection = self._connection
            return Changes(connection.last_insert_rowid(), connection.changes(), connection.total_changes())
        return None

    def _take(self, sql: str, bindings: Iterator[Value]) -> tuple[Value, ...]:
        if "?" not in sql and not any(mark in sql for mark in ":@$"):
            return ()
        count = apsw.ext.query_info(self._connection, sql).bindings_count
        given = tuple(islice(bindings, count))
        return given + (None,) * (count - len(given))

    def _undecoded(self, sql: str, given: tuple[Value, ...], columns: int) -> list[tuple[Value, ...]]:
        """Repeats a query that returns TEXT that is not UTF-8, reading TEXT as blobs."""
        names = [f"c{number}" for number in range(columns)]
        parts = [f"typeof({n}), iif(typeof({n}) = 'text', CAST({n} AS BLOB), {n})" for n in names]
        query = f"WITH q({', '.join(names)}) AS ({sql.rstrip('; ')}) SELECT {', '.join(parts)} FROM q"
        return [tuple(map(_as_stored, row[::2], row[1::2])) for row in self._connection.execute(query, given)]

    def _column(self, entry: tuple[str | None, ...]) -> Column:
        name, declared, database, table, origin = entry
        if table is None or origin is None:
            return Column(name or "", declared, database, table, origin)
        try:
            # The declared type, collation, not null, primary key, autoincrement.
            _, _, not_null, key, auto = self._connection.column_metadata(database, table, origin)
        except apsw.SQLError:
            return Column(name or "", declared, database, table, origin)
        return Column(name or "", declared, database, table, origin, not_null, key, auto)


def _as_stored(kind: Value, content: Value) -> Value:
    return RawText(content) if kind == "text" and isinstance(content, bytes) else content


def refusal_of(failure: apsw.Error) -> Refusal:
    code = getattr(failure, "result", -1)
    if code < 0:
        return Refusal(INTERNAL, str(failure))
    offset = getattr(failure, "error_offset", -1)
    return Refusal(code, str(failure), ext=getattr(failure, "extendedresult", code), offset=offset)
