"""Database names in commands.

The driver pastes names into commands unescaped, and a command ends at the next `;`. How a node unescapes quoted names
is not documented, so nothing is escaped: names that would need it are refused.
"""

from shared.errors import UsageError

_REFUSED = frozenset("'\"`;\\/")
_LONGEST = 200  # bytes; the name is a file's name on the node


def check_name(name: str) -> str:
    """Returns `name` if it is a valid database name. Raises UsageError otherwise."""
    if not name or name in (".", "..", ":memory:") or name != name.strip():
        raise UsageError(f"database name {name[:80]!r} is empty, or not a name: give the name of the database")
    if not name.isprintable() or _REFUSED.intersection(name):
        raise UsageError(
            f"database name {name[:80]!r} is not allowed: it must not contain a quote, \\, /, ; or control character"
        )
    if len(name.encode()) > _LONGEST:
        raise UsageError(f"database name {name[:80]!r}… is longer than {_LONGEST} bytes")
    return name


def quoted(name: str) -> str:
    """Returns the name quoted for a command. Raises UsageError for an invalid name."""
    return f"'{check_name(name)}'"
