"""Names and schema text as SQL that every shell passes on unchanged."""

import re

import apsw

from shared.dump.statements import split_statements

# The stock shell takes a line that is only `/` or `go`, with any comments after it, for the end of a statement, and the
# next line that begins with `.` or `#` for a command of its own. So no later line may begin with any of these.
_SHELL_LINE = re.compile(r"\n\s*(?:[./#]|go)", re.IGNORECASE)
# What dumps of format 1 kept from the shell: too little, see docs/security.md. Only to make such a dump once more.
_SHELL_LINE_1 = re.compile(r"^[ \t\v\f]*(?:/|go)[ \t\v\f;]*$", re.IGNORECASE | re.MULTILINE)


def survives_shells(statement: str, *, dump_format: int = 2) -> bool:
    """Returns whether the stock shell hands this statement to SQLite whole and unchanged, and runs no line of it.

    It ends lines at LF, drops a CR before it, stops at NUL, and takes some lines for its own.
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
    """The same statement without a CR, or None if a CR is part of a literal or a name.

    To SQLite a CR is a blank, also in comments, which end at LF only.
    """
    for found in _QUOTED.finditer(sql):
        if "\r" in found.group() and found.group()[0] in "'\"`[":
            return None
    return sql.replace("\r\n", "\n").replace("\r", " ")


def spellings(sql: str) -> list[str]:
    """The statement with its end, in the two ways of which one keeps a comment at the end of the text."""
    return [f"{sql};\n", f"{sql}\n;\n"]


def free_name(wanted: str, taken: set[str]) -> str:
    """A name that begins with `wanted` and that nothing in `taken` (in lower case) begins with."""
    while any(name.startswith(wanted) for name in taken):
        wanted += "_"
    return wanted
