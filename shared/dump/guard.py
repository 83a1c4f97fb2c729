"""Limits what a dump may do while it is loaded: create and fill one database, and nothing else.

A dump may come from anyone. SQLite calls the authorizer for each action of each statement, also inside
triggers and pragma functions (https://sqlite.org/c3ref/set_authorizer.html). An action that is not listed
here is refused by name. The list is of actions, so no spelling of a statement gets around it.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

from shared.errors import SourceError
from shared.runtime.disk import KEPT_FREE, Reserve
from shared.text import printable

_STEPS_BETWEEN_CALLS = 1000  # of SQLite's virtual machine: some 10 microseconds
_SECONDS_BETWEEN_CHECKS = 0.05
_BYTES_BETWEEN_UPDATES = 1 << 20  # of the limits; less than the base of each
_LONGEST_VALUE = 1_000_000_000  # SQLite's own limit
_LARGEST_PAGE_COUNT = 0xFFFFFFFE

_MODULES = ("fts3", "fts4", "fts4aux", "fts5", "fts5vocab", "rtree", "rtree_i32", "geopoly")

_ACTIONS = frozenset(
    {
        apsw.SQLITE_ALTER_TABLE,
        apsw.SQLITE_ANALYZE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_DROP_VTABLE,
        apsw.SQLITE_INSERT,
        apsw.SQLITE_READ,
        apsw.SQLITE_RECURSIVE,
        apsw.SQLITE_REINDEX,
        apsw.SQLITE_SELECT,
        apsw.SQLITE_UPDATE,
    }
)

# Only the first two exist on this connection; a newer SQLite may have others built in.
_REFUSED_FUNCTIONS = frozenset(
    {"load_extension", "fts3_tokenizer", "edit", "eval", "fsdir", "lsdir", "readfile", "writefile"}
)
_TEMPORARY = frozenset(
    {
        apsw.SQLITE_CREATE_TEMP_INDEX,
        apsw.SQLITE_CREATE_TEMP_TABLE,
        apsw.SQLITE_CREATE_TEMP_TRIGGER,
        apsw.SQLITE_CREATE_TEMP_VIEW,
    }
)
_REFUSED_TABLES = frozenset({"sqlite_dbpage", "sqlite_dbptr", "sqlite_dbdata", "sqlite_stmt"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Stored in the file, or affecting how this dump's statements are read until the connection closes.
_ALLOWED_PRAGMAS = _words(
    """application_id auto_vacuum defer_foreign_keys encoding foreign_keys ignore_check_constraints
    legacy_alter_table page_size recursive_triggers schema_version user_version writable_schema"""
)
_READING_PRAGMAS = _words(
    """collation_list compile_options data_version database_list foreign_key_check foreign_key_list
    freelist_count function_list index_info index_list index_xinfo integrity_check module_list page_count
    pragma_list quick_check table_info table_list table_xinfo"""
)
# Settings of speed and durability: the loader's own apply, and none is stored in the file.
_IGNORED_PRAGMAS = _words(
    """analysis_limit automatic_index busy_timeout cache_size cache_spill cell_size_check
    checkpoint_fullfsync count_changes default_cache_size empty_result_callbacks full_column_names
    fullfsync journal_mode journal_size_limit legacy_file_format locking_mode max_page_count mmap_size
    optimize read_uncommitted reverse_unordered_selects secure_delete short_column_names shrink_memory
    synchronous temp_store threads wal_autocheckpoint wal_checkpoint"""
)


class StatementRefused(Exception):
    """A dump tried something that is not allowed. The text completes a sentence that begins with "the dump"."""


class Bounds(NamedTuple):
    """Limits on the work that a dump may cause: each is a base plus an allowance per byte of the dump.

    An ordinary dump stays far below: about 20 steps a row, and a file a few times the size of the dump.
    """

    steps: int = 2_000_000_000
    steps_per_byte: int = 2000
    file_bytes: int = 1 << 30
    file_bytes_per_byte: int = 100
    value_bytes: int = 16 << 20
    value_bytes_per_byte: int = 10
    disk_bytes_left_free: int = KEPT_FREE


class Guard:
    """Enforces the limits on a connection that loads a dump."""

    def __init__(self, connection: apsw.Connection, target: Path, bounds: Bounds) -> None:
        self.dump_bytes = 0  # bytes of the dump read so far; updated by the caller
        self.has_committed = False
        self._connection = connection
        self._target = target
        self._bounds = bounds
        # SQLite sorts in one of the last two. A disk that was nearly full before is not the dump's fault.
        places = (target.parent, Path(tempfile.gettempdir()), Path("/var/tmp"))  # noqa: S108
        self._reserve = Reserve(places, bounds.disk_bytes_left_free)
        self._steps = 0
        self._next_check = 0.0
        self._limits_set_at = 0  # bytes of the dump
        self._own_pragmas = False
        _confine(connection)
        self._set_limits()
        connection.authorizer = self.authorize
        connection.set_progress_handler(self._on_progress, _STEPS_BETWEEN_CALLS)

    def authorize(
        self, action: int, first: str | None, second: str | None, _database: str | None, _inside: str | None
    ) -> int:
        """Authorizer callback for each action of each statement. Raises StatementRefused."""
        if action in (apsw.SQLITE_INSERT, apsw.SQLITE_READ, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE):
            if first in _REFUSED_TABLES:
                raise StatementRefused(f"uses the table {first}, which bypasses SQL")
            return apsw.SQLITE_OK
        if action in _ACTIONS:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION:
            return _function(second or "")
        if action == apsw.SQLITE_PRAGMA:
            return self._pragma(first or "")
        if action in (apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT):
            return self._transaction(first or "")
        if action == apsw.SQLITE_CREATE_VTABLE:
            return _module(second or "")
        if action in _TEMPORARY:
            raise StatementRefused(f"creates {shown(first or '')} as temporary: it would not be in the loaded database")
        if action in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH):
            raise StatementRefused("attaches or detaches another database file (VACUUM does so, too)")
        raise StatementRefused(f"uses an action that is not allowed (authorizer code {action})")

    def check(self) -> None:
        """Updates the limits; call it before each statement. Raises SourceError before a disk is full."""
        if (now := time.monotonic()) >= self._next_check:
            self._next_check = now + _SECONDS_BETWEEN_CHECKS
            self._reserve.check()
            self._set_limits()
        elif self.dump_bytes - self._limits_set_at >= _BYTES_BETWEEN_UPDATES:
            self._set_limits()

    def explain_full(self) -> Exception:
        """Returns the error for SQLITE_FULL: the disk is full, or the database exceeds its limit."""
        if self._reserve.is_short():
            return SourceError(f"the disk is full at {self._target.parent}: make room and try again")
        return StatementRefused("makes a database far larger than a dump of its size should")

    def _on_progress(self) -> bool:
        # This call into Python also lets Ctrl-C end a long statement.
        self._steps += _STEPS_BETWEEN_CALLS
        if self._steps > self._bounds.steps + self._bounds.steps_per_byte * self.dump_bytes:
            raise StatementRefused("runs too long: it takes far more steps than a dump of its size needs")
        if (now := time.monotonic()) >= self._next_check:
            self._next_check = now + _SECONDS_BETWEEN_CHECKS
            self._reserve.check()
        return False

    def _set_limits(self) -> None:
        """Sets SQLite's own limits: a single step can write a gigabyte (zeroblob)."""
        bounds = self._bounds
        self._limits_set_at = self.dump_bytes
        value = bounds.value_bytes + bounds.value_bytes_per_byte * self.dump_bytes
        self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(value, _LONGEST_VALUE))
        with self.own_pragmas():
            pages = (bounds.file_bytes + bounds.file_bytes_per_byte * self.dump_bytes) // self._page_size()
            self._connection.pragma("max_page_count", min(pages, _LARGEST_PAGE_COUNT))

    @contextmanager
    def own_pragmas(self) -> Iterator[None]:
        """Allows all pragmas inside the block: they are the loader's own, not the dump's."""
        self._own_pragmas = True
        try:
            yield
        finally:
            self._own_pragmas = False

    def _page_size(self) -> int:
        size = self._connection.pragma("page_size")
        assert isinstance(size, int)
        return size

    def _pragma(self, name: str) -> int:
        lowered = name.lower()
        if self._own_pragmas:
            return apsw.SQLITE_OK
        if lowered == "page_size":
            self._next_check = 0.0  # the limit in pages must be computed again
        if lowered in _ALLOWED_PRAGMAS or lowered in _READING_PRAGMAS:
            return apsw.SQLITE_OK
        if lowered in _IGNORED_PRAGMAS:
            return apsw.SQLITE_IGNORE
        raise StatementRefused(f"sets PRAGMA {shown(name)}, which is not part of a database")

    def _transaction(self, operation: str) -> int:
        if operation == "ROLLBACK":
            raise StatementRefused("rolls back its own work (ROLLBACK), so the program that wrote it failed")
        if operation == "COMMIT":
            self.has_committed = True
        return apsw.SQLITE_OK


def shown(name: str) -> str:
    """Returns a name from a dump, shortened and printable, for an error line."""
    short = name if len(name) <= 60 else name[:57] + "..."
    return printable(short, "?")


def _function(name: str) -> int:
    if name.lower() in _REFUSED_FUNCTIONS:
        raise StatementRefused(f"calls {shown(name)}(), which accesses more than the database")
    return apsw.SQLITE_OK


def _module(name: str) -> int:
    if name.lower() not in _MODULES:
        raise StatementRefused(
            f"creates a virtual table with the module {shown(name)}: only {', '.join(_MODULES)} are allowed"
        )
    return apsw.SQLITE_OK


def _confine(connection: apsw.Connection) -> None:
    """Sets the connection's options for untrusted SQL, and drops the modules that a dump must not use."""
    for setting, on in {
        apsw.SQLITE_DBCONFIG_DEFENSIVE: 0,  # dumps write sqlite_schema and shadow tables
        apsw.SQLITE_DBCONFIG_DQS_DDL: 1,  # stock dumps rely on "text" meaning 'text'
        apsw.SQLITE_DBCONFIG_DQS_DML: 1,
        apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE: 0,
        apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE: 0,
        apsw.SQLITE_DBCONFIG_ENABLE_COMMENTS: 1,
        apsw.SQLITE_DBCONFIG_ENABLE_FKEY: 0,
        apsw.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER: 0,
        apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION: 0,
        apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER: 1,
        apsw.SQLITE_DBCONFIG_LEGACY_ALTER_TABLE: 0,
        apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA: 0,
    }.items():
        connection.config(setting, on)
    connection.drop_modules(_MODULES)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    connection.limit(apsw.SQLITE_LIMIT_EXPR_DEPTH, 1000)
    connection.limit(apsw.SQLITE_LIMIT_FUNCTION_ARG, 1000)
    connection.limit(apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 1000)
    connection.limit(apsw.SQLITE_LIMIT_WORKER_THREADS, 0)
