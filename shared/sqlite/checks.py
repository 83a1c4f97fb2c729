"""Runs SQLite's own checks of a database and classifies their messages.

There are three classes. Damage (b-trees, pages, the free list, indexes that disagree with their tables) makes a
database not good. Content that violates its declarations (a NULL in a NOT NULL column, a failed CHECK, a type that a
STRICT table forbids, a full-text index that does not match its external content) is data that a backup keeps as it is:
it is recorded, and the database is good. What cannot be checked here, because it needs a function, collation,
tokenizer or module of the application, is recorded too.
"""

import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from shared.sqlite.checkable import computed_indexes, require_known_functions
from shared.sqlite.connect import distrust, open_snapshot, uri
from shared.sqlite.facts import Soundness
from shared.sqlite.findings import LIMIT, STOPPED, Findings, classify, sql_of
from shared.sqlite.foreign_keys import ForeignKeys
from shared.sqlite.sqlite_failures import sqlite_errors

_CACHE_KIB = 64 << 10  # with 2 MiB, a fifth of the full check's time is repeated reads
_ALL = 1 << 40  # bytes; SQLite maps at most 2 GiB
_PARALLEL_FROM = 500 << 20  # bytes of a database from which several threads are faster
_MOST_PARALLEL = 1000  # tables; for each table SQLite scans the list of all
_MOST_THREADS = 4
_BUSY_TIMEOUT = 10_000  # milliseconds; the last connection to a WAL database locks it briefly on closing
_MOST_PLACEHOLDERS = 1000
_STEPS = 100_000  # of SQLite's virtual machine, a few milliseconds: how often cancellation is checked
_TREES = "*** in database "

_NOT_TEXT = "a name in the schema is not text, so SQLite's complaints about it cannot be read"
_UNKNOWN = re.compile(
    r"(no such (collation sequence|function|module|tokenizer)|unknown (function|tokenizer)): *(?P<name>.+?)(\(\))?",
    re.DOTALL,
)
# Meaningless with placeholders for unknown collations and functions.
_NEEDS_REAL_FUNCTIONS = re.compile(r"row not in PRIMARY KEY order for .+|CHECK constraint failed in .+", re.DOTALL)


@contextmanager
def check_in_background(path: Path, *, quick: bool = False) -> Iterator["Future[Soundness]"]:
    """Runs `check_integrity` in another thread during the block; leaving the block cancels an unfinished check."""
    left = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="integrity", initializer=_lower_priority) as pool:
        try:
            yield pool.submit(check_integrity, path, quick=quick, cancelled=left.is_set)
        finally:
            left.set()


def _lower_priority() -> None:
    """Lowers this thread's priority: the check is faster than the work beside it, so it should only use idle cores."""
    if sys.platform == "linux":  # elsewhere priorities are per process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def check_integrity(path: Path, *, quick: bool = False, cancelled: Callable[[], bool] | None = None) -> Soundness:
    """Runs `integrity_check` and `foreign_key_check` on a private file, which must not change meanwhile.

    `quick` compares only the number of an index's entries with its table, not each entry, and takes half the time.
    While a WAL database is open, its `-wal` is beside it. `problems` are distinct, damage first, at most 100; they hold
    names, row numbers and page numbers, never values. All violated foreign keys are counted; they do not affect `good`.
    `cancelled` is polled; when it returns true, apsw.InterruptError is raised.
    Raises SourceError if the file cannot be read at all.
    """
    findings = Findings(cancelled)
    with sqlite_errors(path, path.parent), closing(_open(path, cancelled)) as connection:
        try:
            if not quick:  # the quick check reads each page once, in order
                _prepare_random_access(connection)  # reads the schema, so it may fail
            _check_text(connection)
            _check(connection, "quick_check" if quick else "integrity_check", findings)
            violations = _count_violations(connection, findings)
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
            findings.add_damage(str(error))
            violations = 0
        except UnicodeError:
            findings.add_note(_NOT_TEXT)
            violations = 0
    return findings.verdict(violations)


def _open(path: Path, cancelled: Callable[[], bool] | None) -> apsw.Connection:
    connection = (
        _open_writable(path) if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else open_snapshot(path)
    )
    connection.set_progress_handler(cancelled, _STEPS)
    return connection


def _open_writable(path: Path) -> apsw.Connection:
    """Opens writable but with `query_only`: SQLite skips CHECK constraints on a read-only connection."""
    connection = apsw.Connection(uri(path, "mode=rw"), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    try:
        distrust(connection)
        connection.pragma("query_only", True)
        connection.set_busy_timeout(_BUSY_TIMEOUT)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare_random_access(connection: apsw.Connection, shares: int = 1) -> None:
    """Maps the file into memory: the full check jumps between tables and indexes, and mapped pages are not copied.

    The file is private, so it is not truncated meanwhile. Pages that cannot be mapped are read through a larger cache.
    """
    connection.pragma("mmap_size", _ALL)
    connection.pragma("cache_size", -_CACHE_KIB // shares)


def _check_text(connection: apsw.Connection) -> None:
    """Raises UnicodeError if the schema is not valid text: SQLite would pass such names to Python callbacks."""
    encoding = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(str(connection.pragma("encoding")), "utf-8")
    for row in connection.execute("SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"):
        for raw in row:
            bytes(raw or b"").decode(encoding)


def _check(connection: apsw.Connection, pragma: str, findings: Findings) -> None:
    try:
        require_known_functions(connection, str(LIMIT))  # also for the quick check, so that both record the same
        path, tables = Path(connection.filename), _tables(connection)
        is_large = path.stat().st_size >= _PARALLEL_FROM and len(tables) <= _MOST_PARALLEL
        if pragma == "integrity_check" and is_large:
            _check_by_threads(path, tables, findings)
        else:
            classify(connection, _complaints(connection, pragma), findings)
    except apsw.SQLError:  # something unknown in one table makes SQLite fail for all
        _check_what_is_known(connection, pragma, findings)


def _check_by_threads(path: Path, tables: list[str], findings: Findings) -> None:
    """Runs the full check in parts: a quick check of all pages, and a full check of each table with its indexes.

    Each thread has its own connection and takes the next part from a queue.
    """
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    waiting = deque(enumerate([None, *tables]))
    found: dict[int, Findings] = {}

    def work() -> None:
        with closing(_open(path, findings.cancelled)) as own:
            _prepare_random_access(own, threads)
            while waiting:
                with suppress(IndexError):  # another thread took the last part
                    number, table = waiting.popleft()
                    found[number] = _part(own, table, findings.cancelled)

    with ThreadPoolExecutor(threads, thread_name_prefix="integrity") as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()
    for number in sorted(found):
        findings.merge(found[number])


def _part(connection: apsw.Connection, table: str | None, cancelled: Callable[[], bool] | None) -> Findings:
    found = Findings(cancelled)
    pragma = "quick_check" if table is None else "integrity_check"
    try:
        classify(connection, _complaints(connection, pragma, table), found)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        found.add_damage(str(error))
    return found


def _check_what_is_known(connection: apsw.Connection, pragma: str, findings: Findings) -> None:
    """Checks each table that can be checked alone, and then the structure of the whole file."""
    uncountable: set[str] = set()
    for table in _tables(connection):
        try:
            require_known_functions(connection, _quoted(table))
            classify(connection, _complaints(connection, pragma, table), findings)
        except apsw.SQLError as error:
            # FTS5 reports an unknown tokenizer only as "SQL logic error".
            if not _UNKNOWN.fullmatch(str(error)) and not _is_virtual(connection, table):
                raise
            findings.add_note(f"indexes of {table} cannot be checked: {error}")
            uncountable.update(f"wrong # of entries in index {name}" for name in computed_indexes(connection, table))
    with closing(_open(Path(connection.filename), findings.cancelled)) as other:
        complaints = (one for one in _with_placeholders(other) if one not in uncountable)
        classify(other, (one for one in complaints if not _NEEDS_REAL_FUNCTIONS.fullmatch(one)), findings)


def _with_placeholders(connection: apsw.Connection) -> Iterator[str]:
    """Runs `quick_check` with placeholders for unknown functions and collations, and without virtual tables."""
    connection.drop_modules(None)
    connection.collation_needed(lambda asked, name: asked.create_collation(name, lambda a, b: (a > b) - (a < b)))
    for _ in range(_MOST_PLACEHOLDERS):
        try:
            yield from _complaints(connection, "quick_check")
        except apsw.SQLError as error:
            found = _UNKNOWN.fullmatch(str(error))
            if found is None or "function" not in str(error):
                raise
            connection.create_scalar_function(
                found["name"], lambda *_: None, deterministic=True, flags=apsw.SQLITE_INNOCUOUS
            )
        else:
            return


def _complaints(connection: apsw.Connection, pragma: str, table: str | None = None) -> Iterator[str]:
    argument = str(LIMIT) if table is None else _quoted(table)
    for count, (text,) in enumerate(connection.execute(f"PRAGMA {pragma}({argument})"), 1):
        if text.startswith(_TREES):
            yield from text.split("\n")[1:]  # problems of b-trees and pages come as one text
        elif text != "ok":
            yield text
        if count >= LIMIT:
            yield STOPPED


def _is_virtual(connection: apsw.Connection, table: str) -> bool:
    return sql_of(connection, table).upper().startswith("CREATE VIRTUAL TABLE")


def _count_violations(connection: apsw.Connection, findings: Findings) -> int:
    violations, keys = 0, ForeignKeys(connection)
    for table in _tables(connection):
        try:
            violations += keys.violations(table)
        except apsw.SQLError as error:
            findings.add_note(f"foreign keys of {table} cannot be checked: {error}")
    return violations


def _tables(connection: apsw.Connection) -> list[str]:
    """Returns the tables whose names are valid text; others are only checked with the whole file."""
    rows = connection.execute("SELECT CAST(name AS BLOB) FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    encoding = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(str(connection.pragma("encoding")), "utf-8")
    found = []
    for (raw,) in rows:
        with suppress(UnicodeDecodeError):
            found.append(bytes(raw).decode(encoding))
    return found


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
