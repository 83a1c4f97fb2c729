"""Loads a SQL dump, from Litekeep or any other program, into a new database file, with limits (`guard.py`)."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apsw

from shared.dump.failures import explain
from shared.dump.guard import Bounds, Guard, StatementRefused
from shared.dump.large_values import LARGE_STATEMENT, bind_large
from shared.dump.raw_text import decode, rewrite_raw_text
from shared.dump.short_schema import ShortSchema
from shared.dump.statements import BOM, FIRST_LINE, SqlStatement, split_statements
from shared.errors import NoMemory, NotGood, SourceError
from shared.text import count

_FORMATS = (b"1", b"2")
_LAST_LINE = re.compile(rb"-- whole: [0-9]+ tables, [0-9]+ rows")

# The file is private until it is complete, so it needs neither a journal nor a sync. It must not have a first page yet:
# the dump's page_size, encoding and auto_vacuum apply only to an empty file.
_SETTINGS = (
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
    "PRAGMA locking_mode=EXCLUSIVE",
)
_CACHE = 40 << 10  # KiB
# KiB, also the amount sorted at a time (at least 250 pages): what fits the processor's cache sorts a third faster
_SORTING_CACHE = 2 << 10
_SORTS = re.compile(rb"\s*+(?i:CREATE\s++(?:UNIQUE\s++)?INDEX|REINDEX)\b")
_MAKES_TABLE = re.compile(rb"\s*+(?i:CREATE\s++TABLE)\b")
_FILLS_TABLE = re.compile(rb"\s*+INSERT INTO ")
_BLANKS_AND_COMMENTS = re.compile(rb"(?:[ \t\n\f\r;]++|\xef\xbb\xbf|--[^\n]*+(?:\n|$)|/\*(?:[^*]++|\*(?!/))*+\*/)*+")


class Loaded(NamedTuple):
    """Result of a load."""

    statements: int


def load_sql(
    chunks: Iterable[bytes],
    target: Path,
    *,
    progress: Callable[[int], None] | None = None,
    bounds: Bounds | None = None,
) -> Loaded:
    """Creates the database `target`, which must not exist, from a dump, and closes it without a sync.

    `progress` is called with the bytes of the dump read so far. Raises NotGood for a dump that is cut short, fails or
    does something that is not allowed, naming the line and never a value; SourceError for the disk.
    After any exception `target` does not exist.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        target.chmod(0o600)
    except OSError as error:
        raise SourceError(f"cannot create {target}: {error.strerror}") from error
    try:
        with closing(_open(target, apsw.SQLITE_OPEN_READWRITE)) as connection:
            for setting in _SETTINGS:
                connection.execute(setting).fetchall()
            loaded = _Loading(connection, Guard(connection, target, bounds or Bounds()), progress).run(chunks)
        _check_schema(target, loaded)
    except BaseException as error:
        for suffix in ("", "-journal", "-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        if isinstance(error, MemoryError):
            raise NoMemory("a statement of the dump takes more memory than there is: give this process more") from None
        if isinstance(error, apsw.Error):
            raise explain(error, "the new database, between two statements of the dump,") from None
        raise
    return loaded


class _Loading:
    def __init__(self, connection: apsw.Connection, guard: Guard, progress: Callable[[int], None] | None) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._guard = guard
        self._progress = progress
        self._statements = 0
        self._is_litekeep = False
        self._cache = 0
        self._schema = ShortSchema(connection)

    def run(self, chunks: Iterable[bytes]) -> Loaded:
        last: SqlStatement | None = None
        for statement in split_statements(self._watched(chunks)):
            if last is None:
                self._is_litekeep = _is_litekeep_dump(statement.text)
            self._execute(statement)
            last = statement
        if self._statements == 0 or last is None:
            raise NotGood("the dump holds no statement: it is cut short, or it is not SQL")
        self._schema.show()
        self._check_whole(last, is_litekeep=self._is_litekeep)
        return Loaded(self._statements)

    def _watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._guard.dump_bytes += len(chunk)
            yield chunk
            if self._progress is not None:
                self._progress(self._guard.dump_bytes)

    def _execute(self, statement: SqlStatement) -> None:
        if not statement.text.endswith((b";", b";\n")) and _is_empty(statement.text):
            return
        self._statements += 1
        try:
            self._guard.check()
            self._size_schema(statement)
            self._size_cache(_SORTING_CACHE if _SORTS.match(statement.text) else _CACHE)
            text, values = self._prepared(statement)
            for _row in self._cursor.execute(text, values, can_cache=False):
                pass
        except apsw.FullError:
            raise self._full(statement) from None
        except StatementRefused as refused:
            raise NotGood(f"the dump {refused}; near line {_line_of(statement)}") from None
        except apsw.Error as error:
            raise _failure(error, statement) from None

    def _size_cache(self, size: int) -> None:
        if size != self._cache:
            with self._guard.own_pragmas():
                self._connection.pragma("cache_size", -size)
            self._cache = size

    def _size_schema(self, statement: SqlStatement) -> None:
        """Keeps the schema short for our own dumps: they fill a table before they create the next."""
        if self._is_litekeep and _MAKES_TABLE.match(statement.text):
            self._schema.before_table()
        elif not (self._is_litekeep and _FILLS_TABLE.match(statement.text)):
            self._schema.show()

    def _full(self, statement: SqlStatement) -> Exception:
        why = self._guard.explain_full()
        return NotGood(f"the dump {why}; near line {_line_of(statement)}") if isinstance(why, StatementRefused) else why

    def _prepared(self, statement: SqlStatement) -> tuple[str, list[bytes | str]]:
        """Returns the statement and its bound values: large values of our own dumps, else none."""
        if self._is_litekeep and len(statement.text) >= LARGE_STATEMENT and (bound := bind_large(statement.text)):
            return bound
        return self._text(statement), []

    def _text(self, statement: SqlStatement) -> str:
        text = statement.text.removeprefix(BOM) if statement.line == 1 else statement.text
        try:
            return decode(text)
        except ValueError:
            pass
        try:
            # In a UTF-16 database the same bytes are other text.
            if self._connection.pragma("encoding") == "UTF-8":
                return rewrite_raw_text(text)
        except ValueError:
            pass
        raise NotGood(f"the statement near line {_line_of(statement)} holds bytes that are not UTF-8 text") from None

    def _check_whole(self, last: SqlStatement, *, is_litekeep: bool) -> None:
        if self._connection.in_transaction:
            raise NotGood("the dump ends inside its transaction: it is cut short")
        if is_litekeep and not _ends_whole(last.text):
            raise NotGood("the dump's last line (-- whole: …) is missing: it is cut short")
        if not self._guard.has_committed and not self._connection.execute("SELECT 1 FROM sqlite_schema").get:
            raise NotGood("the dump makes no table: it is cut short, or it is not a dump")


def _open(target: Path, flags: int) -> apsw.Connection:
    try:
        return apsw.Connection(str(target.absolute()), flags=flags, statementcachesize=0)
    except (apsw.Error, UnicodeEncodeError) as error:
        raise SourceError(f"cannot open the new database {target} ({type(error).__name__})") from None


def _check_schema(target: Path, loaded: Loaded) -> None:
    """Reads the schema from the file on a new connection: the loading one has it in memory."""
    try:
        with closing(_open(target, apsw.SQLITE_OPEN_READONLY)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        raise explain(error, f"reading the schema that {count(loaded.statements, 'statement')} made") from None


def _failure(error: apsw.Error, statement: SqlStatement) -> Exception:
    line = _line_of(statement)
    offset = getattr(error, "error_offset", -1)
    if offset > 0:
        line = max(line, statement.line + statement.text.count(b"\n", 0, offset))
    blank = _BLANKS_AND_COMMENTS.match(statement.text)
    if blank and statement.text.startswith(b".", blank.end()):
        return NotGood(f"line {line} is a command to the sqlite3 shell, not SQL: take it out")
    return explain(error, f"the statement near line {line}")


def _line_of(statement: SqlStatement) -> int:
    blank = _BLANKS_AND_COMMENTS.match(statement.text)
    return statement.line + statement.text.count(b"\n", 0, blank.end() if blank else 0)


def _is_empty(text: bytes) -> bool:
    return _BLANKS_AND_COMMENTS.fullmatch(text) is not None


def _is_litekeep_dump(text: bytes) -> bool:
    first = text.removeprefix(BOM).split(b"\n", 1)[0].rstrip(b"\r")
    if not first.startswith(FIRST_LINE):
        return False
    if first.removeprefix(FIRST_LINE) not in _FORMATS:
        raise NotGood("the dump is of a format that this version does not know: use a newer Litekeep")
    return True


def _ends_whole(text: bytes) -> bool:
    return _LAST_LINE.fullmatch(text.rstrip(b"\r\n").rsplit(b"\n", 1)[-1]) is not None
