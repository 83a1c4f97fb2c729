"""Large values of an INSERT are bound to it instead of standing in its text, of which SQLite makes several copies."""

import re
from binascii import unhexlify

from shared.dump.raw_text import decode

LARGE_STATEMENT = 4 << 20  # bytes, from which it is worth the trouble
_LARGE = 1 << 20  # bytes of a literal
# Only a statement of our dumps: there, after VALUES, quotes stand around literals alone and there are no comments.
_HEAD = re.compile(rb'[ \t\n\f\r]*+INSERT INTO (?:"[^"]*+")++\((?:"[^"]*+"|[^"\'`\[();/-]++)*+\) VALUES\n')
_LITERAL = re.compile(rb"([Xx]?)'((?:[^']++|'')*+)'")
_MOST = 1000  # bound values; SQLite numbers no more than 32766


def bind_large(statement: bytes) -> tuple[str, list[bytes | str]] | None:
    """The statement with its large literals bound; None if it is no such INSERT, or has no such literal.

    Raises ValueError for text that is not UTF-8.
    """
    head = _HEAD.match(statement)
    if head is None:
        return None
    parts, values, kept = [], list[bytes | str](), 0
    for literal in _LITERAL.finditer(statement, head.end()):
        if literal.end() - literal.start() < _LARGE or len(values) >= _MOST:
            continue
        value = _value(statement, literal)
        if value is None:
            return None
        # Nothing but a value of its own is replaced: an argument, as in CAST(X'..' AS TEXT), may as well be bound.
        parts.append(statement[kept : literal.start()])
        values.append(value)
        kept = literal.end()
    if not values:
        return None
    parts.append(statement[kept:])
    return decode(b"?".join(parts)), values


def _value(statement: bytes, literal: re.Match[bytes]) -> bytes | str | None:
    """None for what the long way decides: no hexadecimal digits, or text that is not UTF-8."""
    start, end = literal.span(2)
    body = memoryview(statement)[start:end]
    try:
        return unhexlify(body) if literal[1] else str(body, "utf-8").replace("''", "'")
    except ValueError:
        return None
