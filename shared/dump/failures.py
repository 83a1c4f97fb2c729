"""Explains why a statement of a dump failed, without repeating any value.

SQLite's own messages may quote a literal (`unrecognized token: "'..."`) or the text of a trigger's RAISE.
Only messages that can name nothing but parts of the schema are passed on.
"""

import re

import apsw

from shared.dump.guard import shown
from shared.errors import LitekeepError, NoMemory, NotGood, SourceError

_NAMES_ONLY = re.compile(
    r"no such (?:table|collation sequence|module|function|index|trigger|view): .*"
    r"|(?:UNIQUE|NOT NULL|CHECK) constraint failed: .*"
    r"|FOREIGN KEY constraint failed"
    r"|(?:table|view|index|trigger) .* already exists"
    r"|table .* has \d+ columns but \d+ values were supplied"
    r"|table .* has no column named .*"
    r"|object name reserved for internal use: .*"
    r"|cannot start a transaction within a transaction"
    r"|cannot commit - no transaction is active"
    r"|unsafe use of .*"
    r"|incomplete input"
    r"|too many (?:columns|terms|arguments|levels).*",
    re.DOTALL,
)

_PHRASES = {
    'near "': "a syntax error",
    "unrecognized token": "a syntax error",
    "no such column": "it names a column that does not exist",
}

_OUTSIDE = (
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.PermissionsError,
    apsw.BusyError,
)
_KINDS: dict[type[apsw.Error], str] = {
    apsw.ConstraintError: "a constraint or a trigger refused it",
    apsw.CorruptError: "it damages the database's own tables",
    apsw.NotADBError: "it damages the database's own tables",
    apsw.MismatchError: "a value's type does not fit its column",
    apsw.TooBigError: "it or a value in it is larger than SQLite allows",
    apsw.BindingsError: "it has parameters and no values for them",
    apsw.SQLError: "SQLite does not accept it",
}


def explain(error: apsw.Error, where: str) -> LitekeepError:
    """Returns the error to raise: NotGood if the dump is at fault, SourceError or NoMemory if the machine is.

    `where` says which statement, as in "the statement near line 12".
    """
    if isinstance(error, apsw.NoMemError):
        return NoMemory(f"{where} takes more memory than there is: give this process more")
    if isinstance(error, _OUTSIDE):
        kind = type(error).__name__.removesuffix("Error")
        return SourceError(f"the disk or the machine failed at {where} ({kind}): check space and permissions")
    message = str(error).removeprefix(type(error).__name__ + ": ")
    if _NAMES_ONLY.fullmatch(message):
        return NotGood(f"{where} fails: {shown(message)}")
    phrases = [phrase for start, phrase in _PHRASES.items() if message.startswith(start)]
    phrases += [phrase for kind, phrase in _KINDS.items() if isinstance(error, kind)]
    why = phrases[0] if phrases else f"SQLite refuses it ({type(error).__name__})"
    return NotGood(f"{where} fails: {why}")
