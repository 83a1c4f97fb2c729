"""Rewrites text literals that are not valid UTF-8: the stock shell's `.dump` writes them raw, inside quotes.

SQLite stores such bytes unchanged, but Python can only pass it statements in valid UTF-8. So these literals become
`CAST(x'..' AS TEXT)`, which is the same value.
"""

import re

_INSERT = re.compile(
    rb"(?:[ \t\n\f\r]++|\xef\xbb\xbf|--[^\n]*+\n|/\*(?:[^*]++|\*(?!/))*+\*/)*+(?i:INSERT|REPLACE)(?=\W)"
)
_TOKEN = re.compile(
    rb"""(?P<literal>'(?:[^']++|'')*+')|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]|--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/"""
)


def decode(statement: bytes) -> str:
    """Decodes a statement. Raises ValueError if it is not UTF-8 (UnicodeDecodeError) or holds a NUL."""
    if b"\0" in statement:
        raise ValueError("a NUL byte ends a statement early")
    return statement.decode()


def rewrite_raw_text(statement: bytes) -> str:
    """Returns an INSERT with its undecodable literals rewritten, for a database whose encoding is UTF-8.

    Raises ValueError for any other kind of statement (its text would be stored in the schema), and for undecodable
    bytes in a name.
    """
    if not _INSERT.match(statement):
        raise ValueError("only the values of an INSERT may be raw bytes")
    return decode(_TOKEN.sub(_rewritten, statement))


def _rewritten(token: re.Match[bytes]) -> bytes:
    literal = token["literal"]
    if literal is None:
        return token[0]
    try:
        decode(literal)
    except ValueError:
        return b"CAST(x'" + literal[1:-1].replace(b"''", b"'").hex().encode() + b"' AS TEXT)"
    return literal
