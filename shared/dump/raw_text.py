"""Text values that are not valid UTF-8, as the stock shell's `.dump` writes them: raw, inside quotes.

SQLite stores such bytes as they are, but a statement reaches it from Python as valid UTF-8 only. So the
literals in question become `CAST(x'..' AS TEXT)`, which is the same value.
"""

import re

_INSERT = re.compile(
    rb"(?:[ \t\n\f\r]++|\xef\xbb\xbf|--[^\n]*+\n|/\*(?:[^*]++|\*(?!/))*+\*/)*+(?i:INSERT|REPLACE)(?=\W)"
)
_TOKEN = re.compile(
    rb"""(?P<literal>'(?:[^']++|'')*+')|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]|--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/"""
)


def decode(statement: bytes) -> str:
    """The statement as text. Raises ValueError (UnicodeDecodeError is one) when it is none or holds a NUL."""
    if b"\0" in statement:
        raise ValueError("a NUL byte ends a statement early")
    return statement.decode()


def carry_raw_text(statement: bytes) -> str:
    """An INSERT with its undecodable literals rewritten, for a database whose encoding is UTF-8.

    Raises ValueError when that is not what is wrong with it: another kind of statement (its text would
    be kept in the schema), or such bytes in a name.
    """
    if not _INSERT.match(statement):
        raise ValueError("only the values of an INSERT are carried raw")
    return decode(_TOKEN.sub(_carried, statement))


def _carried(token: re.Match[bytes]) -> bytes:
    literal = token["literal"]
    if literal is None:
        return token[0]
    try:
        decode(literal)
    except ValueError:  # UnicodeDecodeError is one
        return b"CAST(x'" + literal[1:-1].replace(b"''", b"'").hex().encode() + b"' AS TEXT)"
    return literal
