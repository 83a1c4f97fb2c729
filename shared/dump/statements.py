"""Splits a stream of SQL into statements, however the bytes are divided into chunks.

The rules are those of SQLite's tokenizer and of sqlite3_complete() (https://sqlite.org/lang_keywords.html,
https://sqlite.org/c3ref/complete.html): a `;` ends a statement unless it is inside a literal, a quoted name or a
comment; CREATE TRIGGER ends at `; END ;`. The time is linear in the input, and no more than one statement and one
chunk are in memory.

A doubled quote inside quotes needs no rule of its own: it ends one quoted run and begins the next.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from shared.errors import NotGood

MAX_STATEMENT_BYTES = 1_000_000_000  # SQLite's own limit for the text of a statement

FIRST_LINE = b"-- Litekeep SQL dump, format "
BOM = b"\xef\xbb\xbf"


class SqlStatement(NamedTuple):
    """The bytes of a statement including its `;`, and the line of the dump, from 1, on which they begin.

    Blanks and comments before a statement belong to it; those after the last statement come as a separate item.
    """

    text: bytes
    line: int


class _Phase(Enum):
    FRESH = auto()  # before the first byte of a statement
    HEAD = auto()  # before its first word
    CREATE = auto()  # after CREATE [TEMP]
    BODY = auto()  # anywhere up to the `;`
    TRIGGER = auto()  # anywhere in a trigger
    SEMICOLON = auto()  # after a `;` in a trigger
    END = auto()  # after `; END` in a trigger
    ROWS = auto()  # after VALUES of an INSERT in a Litekeep dump


_BLANKS = re.compile(rb"[ \t\n\f\r]++")
_WORD = re.compile(rb"[0-9A-Za-z_$\x80-\xff]{1,32}")
_LONGEST_WORD = 32  # longer than any keyword, so a cut word is never mistaken for one
_CLOSERS = {b"'": b"'", b'"': b'"', b"`": b"`", b"[": b"]", b"--": b"\n", b"/*": b"*/"}
_COMMENTS = (b"\n", b"*/")
_NAMES = {b"'": "a literal", b"*/": "a comment"}
# Everything up to the next `;`, comment, or opener whose closer has not arrived yet.
_RUN = rb"""(?:[^'"`\[;/-]++|'[^']*+'|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]|-(?=[^-])|/(?=[^*]))*+"""
_BULK = re.compile(_RUN)
# The common case in one step. Anything else goes token by token, with the same result.
_WHOLE_STATEMENT = re.compile(rb"[ \t\n\f\r]*+(?i:INSERT|REPLACE|UPDATE|DELETE)(?=[\s\"'`\[(])" + _RUN + b";")
_ROWS_HEAD = re.compile(
    rb'[ \t\n\f\r]*+INSERT INTO (?:"[^"]*+")++\s*+(?:\((?:"[^"]*+"|[^"\'`\[();/-]++)*+\))?\s*+VALUES(?=[\s(])'
)
_ROWS_OPENING = b'INSERT INTO "'
_ROWS_HEAD_BYTES = 1 << 20


def split_statements(chunks: Iterable[bytes]) -> Iterator[SqlStatement]:
    """Yields the statements of `chunks`, in order; joined, they are the input.

    Raises NotGood for a statement of more than 1e9 bytes, and if the stream ends inside a literal, a quoted name or a
    comment. A last statement without `;` is left to SQLite to judge.
    """
    splitter = _Splitter()
    for chunk in chunks:
        yield from splitter.take(chunk)
    yield from splitter.finish()


class _Splitter:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0  # of the statement, in the buffer
        self._at = 0  # everything before has been scanned
        self._line = 1
        self._phase = _Phase.FRESH
        self._closer = b""  # what ends the current literal, quoted name or comment
        self._opened_at = 0
        self._quotes = 0  # in ROWS: number of single quotes since VALUES
        self._is_litekeep: bool | None = None
        self._final = False

    def take(self, chunk: bytes) -> Iterator[SqlStatement]:
        del self._buffer[: self._start]
        self._at -= self._start
        self._opened_at -= self._start
        self._start = 0
        self._buffer += chunk
        yield from self._cut()
        if len(self._buffer) - self._start > MAX_STATEMENT_BYTES:
            raise NotGood(f"the statement near line {self._first_line()} is longer than SQLite allows (1 GB)")

    def finish(self) -> Iterator[SqlStatement]:
        self._final = True
        yield from self._cut()
        if self._closer and self._closer != b"\n":
            line = self._line + self._buffer.count(b"\n", self._start, self._opened_at)
            what = _NAMES.get(self._closer, "a quoted name")
            raise NotGood(f"the dump ends inside {what} that begins near line {line}: it is cut short")
        if self._phase is _Phase.ROWS:
            raise NotGood(f"the dump ends inside the statement near line {self._first_line()}: it is cut short")
        if self._start < len(self._buffer):
            yield self._statement(len(self._buffer))

    def _cut(self) -> Iterator[SqlStatement]:
        if self._is_litekeep is None and not self._detect_origin():
            return
        while True:
            if self._phase is _Phase.FRESH and not self._is_litekeep:
                yield from self._fast_path()
            end = self._step()
            if end is None:
                return
            if end:
                yield self._statement(end)

    def _fast_path(self) -> Iterator[SqlStatement]:
        """A fast path for the bulk of other programs' dumps, one INSERT after the other; same result as `_step`."""
        while whole := _WHOLE_STATEMENT.match(self._buffer, self._at):
            text = whole[0] if self._at == self._start else bytes(self._buffer[self._start : whole.end()])
            self._start = self._at = whole.end()
            line = self._line
            self._line += text.count(b"\n")
            yield SqlStatement(text, line)

    def _detect_origin(self) -> bool:
        needed = len(BOM) + len(FIRST_LINE)
        if len(self._buffer) < needed and not self._final:
            return False
        self._is_litekeep = self._buffer[:needed].removeprefix(BOM).startswith(FIRST_LINE)
        if self._buffer.startswith(BOM):
            self._at = len(BOM)
        return True

    def _statement(self, end: int) -> SqlStatement:
        with memoryview(self._buffer) as view:
            text = bytes(view[self._start : end])
        statement = SqlStatement(text, self._line)
        self._line += text.count(b"\n")
        self._start = self._at = end
        self._phase = _Phase.FRESH
        return statement

    def _step(self) -> int | None:
        """Returns the end of the statement, 0 if it comes later, or None if more bytes are needed."""
        if self._closer:
            return self._find_closer()
        if self._phase is _Phase.ROWS:
            return self._find_end_of_rows()
        if self._phase is _Phase.FRESH:
            return self._begin()
        if self._phase in (_Phase.BODY, _Phase.TRIGGER):
            run = _BULK.match(self._buffer, self._at)
            assert run is not None  # it also matches an empty run
            self._at = run.end()
        return self._token()

    def _begin(self) -> int | None:
        if self._at >= len(self._buffer):
            return None
        if self._is_litekeep and self._at == self._start:
            limit = min(self._start + _ROWS_HEAD_BYTES, len(self._buffer))
            if head := _ROWS_HEAD.match(self._buffer, self._start, limit):
                self._phase, self._at, self._quotes = _Phase.ROWS, head.end(), 0
                return 0
            if limit - self._start < _ROWS_HEAD_BYTES and not self._final and self._may_become_rows():
                return None
        self._phase = _Phase.HEAD
        return 0

    def _past_blanks(self) -> int:
        blanks = _BLANKS.match(self._buffer, self._start)
        return blanks.end() if blanks else self._start

    def _first_line(self) -> int:
        return self._line + self._buffer.count(b"\n", self._start, self._past_blanks())

    def _may_become_rows(self) -> bool:
        first = self._past_blanks()
        opening = self._buffer[first : first + len(_ROWS_OPENING)]
        return _ROWS_OPENING.startswith(opening)

    def _find_end_of_rows(self) -> int | None:
        # Our dumps have no comments after VALUES, and quotes only around literals.
        end = self._buffer.find(b";\n", self._at)
        upto = end if end >= 0 else max(self._at, len(self._buffer) - 1)
        self._quotes += self._buffer.count(b"'", self._at, upto)
        self._at = upto
        if end < 0:
            return None
        if self._quotes % 2 == 0:
            return end + 2
        self._at = end + 2
        return 0

    def _find_closer(self) -> int | None:
        found = self._buffer.find(self._closer, self._at)
        if found < 0:
            self._at = max(self._at, len(self._buffer) - len(self._closer) + 1)
            return None
        self._at = found + len(self._closer)
        self._closer = b""
        return 0

    def _token(self) -> int | None:
        """Consumes one token and updates the phase; returns as `_step` does."""
        if blanks := _BLANKS.match(self._buffer, self._at):
            self._at = blanks.end()
        if self._at >= len(self._buffer):
            return None
        if word := _WORD.match(self._buffer, self._at):
            if word.end() == len(self._buffer) and not self._final and len(word[0]) < _LONGEST_WORD:
                return None
            self._at = word.end()
            self._after(word[0].upper())
            return 0
        token = bytes(self._buffer[self._at : self._at + 1])
        if token in b"-/":
            pair = bytes(self._buffer[self._at : self._at + 2])
            if len(pair) < 2 and not self._final:
                return None
            token = pair if pair in _CLOSERS else token
        if token == b";":
            return self._semicolon()
        if token in _CLOSERS:
            self._closer, self._opened_at = _CLOSERS[token], self._at
        self._at += len(token)
        if self._closer not in _COMMENTS:
            self._after(token)
        return 0

    def _semicolon(self) -> int:
        self._at += 1
        if self._phase in (_Phase.TRIGGER, _Phase.SEMICOLON):
            self._phase = _Phase.SEMICOLON
            return 0
        return self._at

    def _after(self, token: bytes) -> None:
        match self._phase:
            case _Phase.HEAD:
                self._phase = _Phase.CREATE if token == b"CREATE" else _Phase.BODY
            case _Phase.CREATE if token not in (b"TEMP", b"TEMPORARY"):
                self._phase = _Phase.TRIGGER if token == b"TRIGGER" else _Phase.BODY
            case _Phase.SEMICOLON:
                self._phase = _Phase.END if token == b"END" else _Phase.TRIGGER
            case _Phase.END:
                self._phase = _Phase.TRIGGER
