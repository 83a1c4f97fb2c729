"""Names of databases, as part of a command.

The driver pastes them into its commands as they are, and a command ends at the next `;`. What a server takes inside
quotes beyond that is not documented, so nothing is escaped: what would need it is refused.
"""

from shared.errors import UsageError

_REFUSED = frozenset("'\"`;\\/")
_LONGEST = 200  # bytes; the name is a file's name on the node


def check_name(name: str) -> str:
    """Returns `name` when it can name a database. Raises UsageError, saying what is allowed."""
    if not name or name in (".", "..", ":memory:") or name != name.strip():
        raise UsageError(f"database name {name[:80]!r} is empty, or no name of a database")
    if not name.isprintable() or _REFUSED.intersection(name):
        raise UsageError(
            f"database name {name[:80]!r} is not allowed: it must hold no quote, \\, /, ; or control character"
        )
    if len(name.encode()) > _LONGEST:
        raise UsageError(f"database name {name[:80]!r}… is longer than {_LONGEST} bytes")
    return name


def quoted(name: str) -> str:
    """The name as commands take it. Raises UsageError as `check_name` does."""
    return f"'{check_name(name)}'"
