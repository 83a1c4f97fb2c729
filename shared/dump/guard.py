"""What a dump may do while it is loaded: create and fill one database, and nothing else.

A dump may come from anyone. SQLite asks the authorizer for each action of each statement, also inside
triggers and pragma functions (https://sqlite.org/c3ref/set_authorizer.html); what is not on the list here
is refused by name. The list is of actions, so no spelling of a statement slips past it.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from shared.errors import SourceError
from shared.runtime.disk import KEPT_FREE, Reserve
from shared.text import printable

_STEPS_BETWEEN_CALLS = 1000  # of SQLite's virtual machine: some 10 microseconds
_SECONDS_BETWEEN_CHECKS = 0.05
_BYTES_BETWEEN_TIGHTENINGS = 1 << 20  # less than any bound's base
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

# None of these exists on our connection but the first two; a newer SQLite may bring others built in.
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


# They are kept in the file, or steer how statements of this dump are understood, and end with the connection.
_CARRIED_PRAGMAS = _words(
    """application_id auto_vacuum defer_foreign_keys encoding foreign_keys ignore_check_constraints
    legacy_alter_table page_size recursive_triggers schema_version user_version writable_schema"""
)
_READING_PRAGMAS = _words(
    """collation_list compile_options data_version database_list foreign_key_check foreign_key_list
    freelist_count function_list index_info index_list index_xinfo integrity_check module_list page_count
    pragma_list quick_check table_info table_list table_xinfo"""
)
# How fast or how safely the file is written is ours to say, and nothing of it stays in the file.
_IGNORED_PRAGMAS = _words(
    """analysis_limit automatic_index busy_timeout cache_size cache_spill cell_size_check
    checkpoint_fullfsync count_changes default_cache_size empty_result_callbacks full_column_names
    fullfsync journal_mode journal_size_limit legacy_file_format locking_mode max_page_count mmap_size
    optimize read_uncommitted reverse_unordered_selects secure_delete short_column_names shrink_memory
    synchronous temp_store threads wal_autocheckpoint wal_checkpoint"""
)


class StatementRefused(Exception):
    """What the dump tried, as the end of a sentence that begins with "the dump"."""


@dataclass(frozen=True)
class Bounds:
    """Ends what would never end by itself: each bound is a base, and so much more per byte of the dump.

    An honest dump stays far below: some 20 steps a row, and a file a few times the size of the dump.
    """

    steps: int = 2_000_000_000
    steps_per_byte: int = 2000
    file_bytes: int = 1 << 30
    file_bytes_per_byte: int = 100
    value_bytes: int = 16 << 20
    value_bytes_per_byte: int = 10
    disk_bytes_left_free: int = KEPT_FREE


class Guard:
    """Watches over one connection that loads a dump."""

    def __init__(self, connection: apsw.Connection, target: Path, bounds: Bounds) -> None:
        self.dump_bytes = 0  # how much of the dump has been read; the caller keeps it up to date
        self.has_committed = False
        self._connection = connection
        self._target = target
        self._bounds = bounds
        # SQLite sorts in one of the last two. A place that was short from the start is not the dump's doing.
        places = (target.parent, Path(tempfile.gettempdir()), Path("/var/tmp"))  # noqa: S108
        self._reserve = Reserve(places, bounds.disk_bytes_left_free)
        self._steps = 0
        self._next_check = 0.0
        self._tightened_at = 0  # bytes of the dump
        self._asking = False
        _confine(connection)
        self._tighten()
        connection.authorizer = self.authorize
        connection.set_progress_handler(self._on_progress, _STEPS_BETWEEN_CALLS)

    def authorize(
        self, action: int, first: str | None, second: str | None, _database: str | None, _inside: str | None
    ) -> int:
        """SQLite's question, for each action of each statement. Raises Refused."""
        if action in (apsw.SQLITE_INSERT, apsw.SQLITE_READ, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE):
            if first in _REFUSED_TABLES:
                raise StatementRefused(f"uses the table {first}, which reaches below the database")
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
            raise StatementRefused(f"creates {shown(first or '')} as temporary: it would be gone after the load")
        if action in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH):
            # VACUUM and VACUUM INTO attach, too.
            raise StatementRefused("attaches or detaches another database file (VACUUM does so, too)")
        raise StatementRefused(f"asks for an action that is not on the list (number {action})")

    def check(self) -> None:
        """To be called before each statement. Raises SourceError before a disk is full."""
        if (now := time.monotonic()) >= self._next_check:
            self._next_check = now + _SECONDS_BETWEEN_CHECKS
            self._reserve.check()
            self._tighten()
        elif self.dump_bytes - self._tightened_at >= _BYTES_BETWEEN_TIGHTENINGS:
            self._tighten()

    def explain_full(self) -> Exception:
        """What it means that SQLite found the database or the disk full."""
        if self._reserve.is_short():
            return SourceError(f"the disk is full at {self._target.parent}: make room and try again")
        return StatementRefused("makes a database out of all proportion to its own size")

    def _on_progress(self) -> bool:
        # That Python runs here at all is what lets Ctrl-C end a long statement.
        self._steps += _STEPS_BETWEEN_CALLS
        if self._steps > self._bounds.steps + self._bounds.steps_per_byte * self.dump_bytes:
            raise StatementRefused("computes without end: far more than a dump of its size needs")
        if (now := time.monotonic()) >= self._next_check:
            self._next_check = now + _SECONDS_BETWEEN_CHECKS
            self._reserve.check()
        return False

    def _tighten(self) -> None:
        """A single step can write a gigabyte (zeroblob), so SQLite itself has to know where to stop."""
        bounds = self._bounds
        self._tightened_at = self.dump_bytes
        value = bounds.value_bytes + bounds.value_bytes_per_byte * self.dump_bytes
        self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(value, _LONGEST_VALUE))
        with self.ours():
            pages = (bounds.file_bytes + bounds.file_bytes_per_byte * self.dump_bytes) // self._page_size()
            self._connection.pragma("max_page_count", min(pages, _LARGEST_PAGE_COUNT))

    @contextmanager
    def ours(self) -> Iterator[None]:
        """The pragmas of the block are the loader's own, not the dump's."""
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    def _page_size(self) -> int:
        size = self._connection.pragma("page_size")
        assert isinstance(size, int)
        return size

    def _pragma(self, name: str) -> int:
        lowered = name.lower()
        if self._asking:
            return apsw.SQLITE_OK
        if lowered == "page_size":
            self._next_check = 0.0  # what is counted in pages has to be counted anew
        if lowered in _CARRIED_PRAGMAS or lowered in _READING_PRAGMAS:
            return apsw.SQLITE_OK
        if lowered in _IGNORED_PRAGMAS:
            return apsw.SQLITE_IGNORE
        raise StatementRefused(f"sets PRAGMA {shown(name)}, which is not part of a database")

    def _transaction(self, operation: str) -> int:
        if operation == "ROLLBACK":
            raise StatementRefused("takes back what it did (ROLLBACK), so its writer did not finish it")
        if operation == "COMMIT":
            self.has_committed = True
        return apsw.SQLITE_OK


def shown(name: str) -> str:
    """A name out of a dump, fit for one line of an error."""
    short = name if len(name) <= 60 else name[:57] + "..."
    return printable(short, "?")


def _function(name: str) -> int:
    if name.lower() in _REFUSED_FUNCTIONS:
        raise StatementRefused(f"calls {shown(name)}(), which reaches out of the database")
    return apsw.SQLITE_OK


def _module(name: str) -> int:
    if name.lower() not in _MODULES:
        raise StatementRefused(
            f"creates a virtual table with the module {shown(name)}: only {', '.join(_MODULES)} may be"
        )
    return apsw.SQLITE_OK


def _confine(connection: apsw.Connection) -> None:
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
