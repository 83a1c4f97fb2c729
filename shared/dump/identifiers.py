"""Decides which names and schema texts every shell passes on unchanged."""

import re

import apsw

from shared.dump.statements import split_statements

# The stock shell ends a statement at a line of only `/` or `go`, with or without a comment after it. It then takes a
# line that begins with `.` or `#` for a command. So no line after the first may begin with any of these.
_SHELL_LINE = re.compile(r"\n\s*(?:[./#]|go)", re.IGNORECASE)
# The rule of format 1, which is too weak (see docs/security.md). Used only to write such a dump again.
_SHELL_LINE_1 = re.compile(r"^[ \t\v\f]*(?:/|go)[ \t\v\f;]*$", re.IGNORECASE | re.MULTILINE)


def survives_shells(statement: str, *, dump_format: int = 2) -> bool:
    """Returns whether the stock shell passes this statement to SQLite unchanged and runs no line of it as a command.

    The shell ends lines at LF, drops a CR before it, stops at NUL, and runs some lines as its own commands.
    """
    shell_line = _SHELL_LINE_1 if dump_format == 1 else _SHELL_LINE
    if "\r" in statement or "\0" in statement or shell_line.search(statement):
        return False
    if statement.startswith((".", "#")) or not apsw.complete(statement):
        return False
    _, *others = split_statements([statement.encode()])
    return not any(other.text.strip() for other in others)


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


def with_unix_lines(sql: str) -> str | None:
    """Returns the statement without CR, or None if a CR is part of a literal or a name.

    SQLite reads a CR as a blank, also in comments, which end only at LF.
    """
    for found in _QUOTED.finditer(sql):
        if "\r" in found.group() and found.group()[0] in "'\"`[":
            return None
    return sql.replace("\r\n", "\n").replace("\r", " ")


def spellings(sql: str) -> list[str]:
    """Returns the statement with its `;` in two spellings: one of them works after a trailing comment."""
    return [f"{sql};\n", f"{sql}\n;\n"]


def free_name(wanted: str, taken: set[str]) -> str:
    """Returns a name that starts with `wanted` and is not a prefix of any name in `taken` (in lower case)."""
    while any(name.startswith(wanted) for name in taken):
        wanted += "_"
    return wanted
