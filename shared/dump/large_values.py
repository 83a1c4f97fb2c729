"""Binds the large values of an INSERT as parameters: SQLite makes several copies of a statement's text."""

import re
from binascii import unhexlify

from shared.dump.raw_text import decode

LARGE_STATEMENT = 4 << 20  # bytes from which literals are bound
_LARGE = 1 << 20  # bytes of a literal
# Matches only INSERTs of our own dumps: after VALUES they have no comments, and single quotes only around literals.
_HEAD = re.compile(rb'[ \t\n\f\r]*+INSERT INTO (?:"[^"]*+")++\((?:"[^"]*+"|[^"\'`\[();/-]++)*+\) VALUES\n')
_LITERAL = re.compile(rb"([Xx]?)'((?:[^']++|'')*+)'")
_MOST = 1000  # bound values; SQLite numbers no more than 32766


def bind_large(statement: bytes) -> tuple[str, list[bytes | str]] | None:
    """Returns the statement with `?` for its large literals, and their values; None if it has none to bind.

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
        # This also binds a literal that is an argument, as in CAST(X'..' AS TEXT), which gives the same value.
        parts.append(statement[kept : literal.start()])
        values.append(value)
        kept = literal.end()
    if not values:
        return None
    parts.append(statement[kept:])
    return decode(b"?".join(parts)), values


def _value(statement: bytes, literal: re.Match[bytes]) -> bytes | str | None:
    """Returns the value, or None for bad hexadecimal digits or text that is not UTF-8: SQLite then judges the text."""
    start, end = literal.span(2)
    body = memoryview(statement)[start:end]
    try:
        return unhexlify(body) if literal[1] else str(body, "utf-8").replace("''", "'")
    except ValueError:
        return None
