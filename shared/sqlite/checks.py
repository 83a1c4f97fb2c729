"""What SQLite itself says of a database: is it whole, does it keep its own rules, what are its settings.

Three kinds of complaint are told apart. Damage (b-trees, pages, the free list, indexes that disagree with their
tables) makes a database not good. Content that breaks its own rules (a NULL in a NOT NULL column, a failed CHECK,
another type than a STRICT table allows, a full-text index that no longer fits its external content) is data that
a backup carries as it is: it is recorded, and the database is good. And what cannot be checked here, because
it needs a function, collation, tokenizer or module of the application, is recorded too.
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

from shared.model.manifest import Integrity
from shared.sqlite.checkable import computed_indexes, need_all_known
from shared.sqlite.connect import distrust, open_snapshot, uri
from shared.sqlite.findings import LIMIT, STOPPED, Findings, sort_out, sql_of
from shared.sqlite.foreign_keys import ForeignKeys
from shared.sqlite.sqlite_failures import sqlite_errors

_CACHE_KIB = 64 << 10  # with 2 MiB a fifth of the full check is reading again
_ALL = 1 << 40  # bytes; SQLite maps at most 2 GiB
_SHARED_FROM = 500 << 20  # bytes of a database that is checked by several threads: below, they gain nothing
_MOST_SHARED = 1000  # tables; for each SQLite goes through the list of all
_MOST_THREADS = 4
_PATIENCE = 10_000  # milliseconds; of a WAL database, whoever closes it last locks the others out for a moment
_MOST_STAND_INS = 1000
_STEPS = 100_000  # of SQLite's machine, some milliseconds: between two looks whether to go on
_TREES = "*** in database "

_NOT_TEXT = "a name in the schema is not text, so SQLite's complaints about it cannot be read"
_UNKNOWN = re.compile(
    r"(no such (collation sequence|function|module|tokenizer)|unknown (function|tokenizer)): *(?P<name>.+?)(\(\))?",
    re.DOTALL,
)
# With stand-ins for unknown collations and functions these say nothing.
_NEEDS_THE_REAL_ONE = re.compile(r"row not in PRIMARY KEY order for .+|CHECK constraint failed in .+", re.DOTALL)


@contextmanager
def check_beside(path: Path, *, quick: bool = False) -> Iterator["Future[Integrity]"]:
    """`check_integrity` on another core during the block; when that is left early, the check is given up."""
    left = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="integrity", initializer=_give_way) as pool:
        try:
            yield pool.submit(check_integrity, path, quick=quick, given_up=left.is_set)
        finally:
            left.set()


def _give_way() -> None:
    """This thread's work is done long before that of those it runs beside: a core that is free is soon enough."""
    if sys.platform == "linux":  # where a priority is a thread's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def check_integrity(path: Path, *, quick: bool = False, given_up: Callable[[], bool] | None = None) -> Integrity:
    """Runs `integrity_check` and `foreign_key_check`; `quick` does not compare each entry of an index with its row,
    only their numbers, and so takes half the time.

    The file is a private one: it must not change meanwhile, and while it is open a WAL database has its `-wal`
    beside it. `problems` are distinct, damage first, at most 100: they hold names, row numbers and page numbers,
    never values. Violated foreign keys are counted all, and leave `good` as it is.
    `given_up` is asked all the time; once it says yes, this raises apsw.InterruptError.
    Raises SourceError when the file cannot be read at all.
    """
    findings = Findings(given_up)
    with sqlite_errors(path, path.parent), closing(_open(path, given_up)) as connection:
        try:
            if not quick:  # that one goes from page to page and comes to none twice
                _prepare_to_jump(connection)  # reads the schema, and so may fail
            _check_text(connection)
            _check(connection, "quick_check" if quick else "integrity_check", findings)
            violations = _count_violations(connection, findings)
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
            findings.damaged(str(error))
            violations = 0
        except UnicodeError:
            findings.noted(_NOT_TEXT)
            violations = 0
    return findings.verdict(violations)


def _open(path: Path, given_up: Callable[[], bool] | None) -> apsw.Connection:
    connection = (
        _open_writable(path) if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else open_snapshot(path)
    )
    connection.set_progress_handler(given_up, _STEPS)
    return connection


def _open_writable(path: Path) -> apsw.Connection:
    """Writable, and then told not to write: SQLite leaves out CHECK constraints where it cannot write at all."""
    connection = apsw.Connection(uri(path, "mode=rw"), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    try:
        distrust(connection)
        connection.pragma("query_only", True)
        connection.set_busy_timeout(_PATIENCE)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare_to_jump(connection: apsw.Connection, shares: int = 1) -> None:
    """For the full check, which jumps between tables and indexes: mapped, nothing is read and copied twice.

    The file is private and nobody cuts it off meanwhile. What cannot be mapped is read, through a larger cache.
    """
    connection.pragma("mmap_size", _ALL)
    connection.pragma("cache_size", -_CACHE_KIB // shares)


def _check_text(connection: apsw.Connection) -> None:
    """Raises UnicodeError when the schema is not text: SQLite would hand such names to functions of ours."""
    encoding = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(str(connection.pragma("encoding")), "utf-8")
    for row in connection.execute("SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"):
        for raw in row:
            bytes(raw or b"").decode(encoding)


def _check(connection: apsw.Connection, pragma: str, findings: Findings) -> None:
    try:
        need_all_known(connection, str(LIMIT))  # also for the quick check: both have to note the same
        path, tables = Path(connection.filename), _tables(connection)
        is_large = path.stat().st_size >= _SHARED_FROM and len(tables) <= _MOST_SHARED
        if pragma == "integrity_check" and is_large:
            _check_by_threads(path, tables, findings)
        else:
            sort_out(connection, _complaints(connection, pragma), findings)
    except apsw.SQLError:  # something unknown in one table, and SQLite gives up on all
        _check_without_the_unknown(connection, pragma, findings)


def _check_by_threads(path: Path, tables: list[str], findings: Findings) -> None:
    """The full check in parts: the quick check, which follows every page of the file, and each table with its indexes.

    Each thread has a connection and takes the next part when it is done with one.
    """
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    waiting = deque(enumerate([None, *tables]))
    found: dict[int, Findings] = {}

    def work() -> None:
        with closing(_open(path, findings.given_up)) as own:
            _prepare_to_jump(own, threads)
            while waiting:
                with suppress(IndexError):  # another thread was faster
                    number, table = waiting.popleft()
                    found[number] = _part(own, table, findings.given_up)

    with ThreadPoolExecutor(threads, thread_name_prefix="integrity") as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()
    for number in sorted(found):
        findings.take(found[number])


def _part(connection: apsw.Connection, table: str | None, given_up: Callable[[], bool] | None) -> Findings:
    found = Findings(given_up)
    pragma = "quick_check" if table is None else "integrity_check"
    try:
        sort_out(connection, _complaints(connection, pragma, table), found)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        found.damaged(str(error))
    return found


def _check_without_the_unknown(connection: apsw.Connection, pragma: str, findings: Findings) -> None:
    """Each table that can be checked by itself, and then the structure of the whole file."""
    uncountable: set[str] = set()
    for table in _tables(connection):
        try:
            need_all_known(connection, _quoted(table))
            sort_out(connection, _complaints(connection, pragma, table), findings)
        except apsw.SQLError as error:
            # FTS5 says no more than "SQL logic error" of a tokenizer that it does not know.
            if not _UNKNOWN.fullmatch(str(error)) and not _is_virtual(connection, table):
                raise
            findings.noted(f"indexes of {table} cannot be checked: {error}")
            uncountable.update(f"wrong # of entries in index {name}" for name in computed_indexes(connection, table))
    with closing(_open(Path(connection.filename), findings.given_up)) as other:
        complaints = (one for one in _with_stand_ins(other) if one not in uncountable)
        sort_out(other, (one for one in complaints if not _NEEDS_THE_REAL_ONE.fullmatch(one)), findings)


def _with_stand_ins(connection: apsw.Connection) -> Iterator[str]:
    """`quick_check`, which follows every page but does not ask what an index should hold; virtual tables left out."""
    connection.drop_modules(None)
    connection.collation_needed(lambda asked, name: asked.create_collation(name, lambda a, b: (a > b) - (a < b)))
    for _ in range(_MOST_STAND_INS):
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
            yield from text.split("\n")[1:]  # what is wrong with b-trees and pages comes as one text
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
            findings.noted(f"foreign keys of {table} cannot be checked: {error}")
    return violations


def _tables(connection: apsw.Connection) -> list[str]:
    """The names that are text; a table of another name is checked with the whole file only."""
    rows = connection.execute("SELECT CAST(name AS BLOB) FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    encoding = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(str(connection.pragma("encoding")), "utf-8")
    found = []
    for (raw,) in rows:
        with suppress(UnicodeDecodeError):
            found.append(bytes(raw).decode(encoding))
    return found


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
