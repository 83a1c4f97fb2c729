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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

import apsw

from shared.model.manifest import Database, Integrity
from shared.sqlite.checkable import computed_indexes, need_all_known
from shared.sqlite.connect import distrust, open_snapshot, uri
from shared.sqlite.foreign_keys import ForeignKeys
from shared.sqlite.sqlite_failures import explained

_KEPT_PROBLEMS = 100
_KEPT_CHARACTERS = 300
_DISTINCT_PROBLEMS = 10_000
_CACHE_KIB = 64 << 10  # the full check jumps between tables and indexes: with 2 MiB a fifth of the time is re-reading
_PATIENCE = 10_000  # milliseconds; of a WAL database, whoever closes it last locks the others out for a moment
_LIMIT = 1_000_000  # of what SQLite reports; it stops looking there
_MOST_STAND_INS = 1000
_STEPS = 100_000  # of SQLite's machine, some milliseconds: between two looks whether to go on
_TREES = "*** in database "

# The wording is that of integrity_check in pragma.c, of fts3.c and fts5_main.c.
_CONTENT = re.compile(r"(NULL value|non-[A-Z]+ value|(NUMERIC|TEXT) value|CHECK constraint failed) in .+", re.DOTALL)
_MISFIT = re.compile(r"malformed inverted index for FTS\d table [^.]+\.(?P<table>.+)", re.DOTALL)
# Whatever keeps SQLite from checking an index (its content is gone, a tokenizer unknown) says nothing of the index.
_UNCHECKED = re.compile(
    r"unable to validate the inverted index for FTS\d table [^.]+\..+: (?!.*(malformed|corrupt|disk I/O)).*",
    re.DOTALL | re.IGNORECASE,
)
_NOT_TEXT = "a name in the schema is not text, so SQLite's complaints about it cannot be read"
_STOPPED = f"SQLite stopped checking after {_LIMIT} complaints"
_EXTERNAL_CONTENT = re.compile(r"[(,]\s*content\s*=", re.IGNORECASE)
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
    findings = _Findings(given_up)
    with explained(path, path.parent), closing(_open(path, given_up)) as connection:
        try:
            if not quick:  # that one goes from page to page and comes to none twice
                connection.pragma("cache_size", -_CACHE_KIB)  # reads the schema, and so may fail
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


def describe(connection: apsw.Connection, journal_mode: Literal["wal", "delete"]) -> Database:
    """The settings that are part of the database; the journal mode cannot be seen through a read-only connection."""
    return Database(
        page_size=connection.pragma("page_size"),
        page_count=connection.pragma("page_count"),
        encoding=connection.pragma("encoding"),
        auto_vacuum=connection.pragma("auto_vacuum"),
        journal_mode=journal_mode,
        user_version=connection.pragma("user_version"),
        application_id=connection.pragma("application_id"),
    )


def describe_by_header(path: Path, journal_mode: Literal["wal", "delete"]) -> Database:
    """The same from the file's header alone, for a database whose schema SQLite cannot read.

    Source: https://sqlite.org/fileformat.html, section 1.3.
    """
    with path.open("rb") as file:
        raw = file.read(100).ljust(100, b"\0")
        size = os.fstat(file.fileno()).st_size

    def number(at: int) -> int:
        return int.from_bytes(raw[at : at + 4], "big")

    stored = int.from_bytes(raw[16:18], "big")
    page_size = 65536 if stored == 1 else stored or 4096
    return Database(
        page_size=page_size,
        page_count=-(-size // page_size),
        encoding={2: "UTF-16le", 3: "UTF-16be"}.get(number(56), "UTF-8"),
        auto_vacuum=0 if not number(52) else 2 if number(64) else 1,
        journal_mode=journal_mode,
        user_version=number(60),
        application_id=number(68),
    )


class _Findings:
    """Complaints, as they come in, told apart."""

    def __init__(self, given_up: Callable[[], bool] | None) -> None:
        self.given_up = given_up
        self._damage: dict[str, None] = {}
        self._other: dict[str, None] = {}

    @property
    def enough(self) -> bool:
        return len(self._damage) >= _KEPT_PROBLEMS

    def damaged(self, problem: str) -> None:
        self._damage[problem[:_KEPT_CHARACTERS]] = None

    def noted(self, problem: str) -> None:
        if len(self._other) < _DISTINCT_PROBLEMS:
            self._other[problem[:_KEPT_CHARACTERS]] = None

    def verdict(self, violations: int) -> Integrity:
        problems = [*self._damage, *sorted(self._other)][:_KEPT_PROBLEMS]
        return Integrity(good=not self._damage, problems=problems, foreign_key_violations=violations)


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


def _check_text(connection: apsw.Connection) -> None:
    """Raises UnicodeError when the schema is not text: SQLite would hand such names to functions of ours."""
    encoding = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(str(connection.pragma("encoding")), "utf-8")
    for row in connection.execute("SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"):
        for raw in row:
            bytes(raw or b"").decode(encoding)


def _check(connection: apsw.Connection, pragma: str, findings: _Findings) -> None:
    try:
        need_all_known(connection, str(_LIMIT))  # also for the quick check: both have to note the same
        _sort_out(connection, _complaints(connection, pragma), findings)
    except apsw.SQLError:  # something unknown in one table, and SQLite gives up on all
        _check_without_the_unknown(connection, pragma, findings)


def _check_without_the_unknown(connection: apsw.Connection, pragma: str, findings: _Findings) -> None:
    """Each table that can be checked by itself, and then the structure of the whole file."""
    uncountable: set[str] = set()
    for table in _tables(connection):
        try:
            need_all_known(connection, _quoted(table))
            _sort_out(connection, _complaints(connection, pragma, table), findings)
        except apsw.SQLError as error:
            # FTS5 says no more than "SQL logic error" of a tokenizer that it does not know.
            if not _UNKNOWN.fullmatch(str(error)) and not _is_virtual(connection, table):
                raise
            findings.noted(f"indexes of {table} cannot be checked: {error}")
            uncountable.update(f"wrong # of entries in index {name}" for name in computed_indexes(connection, table))
    with closing(_open(Path(connection.filename), findings.given_up)) as other:
        complaints = (one for one in _with_stand_ins(other) if one not in uncountable)
        _sort_out(other, (one for one in complaints if not _NEEDS_THE_REAL_ONE.fullmatch(one)), findings)


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
    argument = str(_LIMIT) if table is None else _quoted(table)
    for count, (text,) in enumerate(connection.execute(f"PRAGMA {pragma}({argument})"), 1):
        if text.startswith(_TREES):
            yield from text.split("\n")[1:]  # what is wrong with b-trees and pages comes as one text
        elif text != "ok":
            yield text
        if count >= _LIMIT:
            yield _STOPPED


def _sort_out(connection: apsw.Connection, complaints: Iterator[str], findings: _Findings) -> None:
    for complaint in complaints:
        misfit = _MISFIT.fullmatch(complaint)
        if (
            complaint == _STOPPED
            or _CONTENT.fullmatch(complaint)
            or (misfit and _has_external_content(connection, misfit["table"]))
        ):
            findings.noted(complaint)
        elif _UNCHECKED.fullmatch(complaint):
            findings.noted(f"cannot be checked: {complaint}")
        else:
            findings.damaged(complaint)
        if findings.enough:
            return


def _has_external_content(connection: apsw.Connection, table: str) -> bool:
    return _EXTERNAL_CONTENT.search(_sql(connection, table)) is not None


def _is_virtual(connection: apsw.Connection, table: str) -> bool:
    return _sql(connection, table).upper().startswith("CREATE VIRTUAL TABLE")


def _sql(connection: apsw.Connection, table: str) -> str:
    query = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return str(connection.execute(query, (table,)).get)


def _count_violations(connection: apsw.Connection, findings: _Findings) -> int:
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
