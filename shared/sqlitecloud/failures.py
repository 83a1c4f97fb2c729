"""What can go wrong with a SQLite Cloud node, told apart by what may help: trying again, or a person.

A text that came from outside passes through `masked` before it becomes part of a message.
"""

import re
from collections.abc import Iterable

from shared.errors import SourceError
from shared.text import printable

# Codes of the platform from 10000 on, of SQLite below (PROTOCOL.md and sqcloud.h of sqlitecloud/sdk).
NOT_FOUND = 10001
COMMAND = 10002
AUTH = 10004
_BUSY = frozenset({5, 6, 10006})  # SQLITE_BUSY, SQLITE_LOCKED, and RAFT: no leader, or a new one

_KEPT_CHARACTERS = 200
_LOGINS = re.compile(r"(\bAUTH\s+(?:APIKEY|TOKEN|USER)\b).*", re.IGNORECASE | re.DOTALL)
_KEYS = re.compile(r"""(\b(?:PASSWORD|HASH|KEY)\s+)('[^']*'?|"[^"]*"?|\S+)""", re.IGNORECASE)


class CloudError(SourceError):
    """A SQLite Cloud node did not do what it was asked. `transient`: the same again may well work."""

    transient = False


class Lost(CloudError):
    """The connection broke. Whether the node did what it was last asked is not known."""

    transient = True


class TimedOut(Lost):
    """The node was silent for too long, or too slow altogether."""


class Unreachable(CloudError):
    """No connection came about: wrong host or port, no certificate to trust, no TLS 1.3."""


class Garbled(CloudError):
    """The node answered something that the protocol does not know, or not there."""


class CommandRefused(CloudError):
    """An error reply, whole and in order: the connection is as good as before."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        self.transient = code in _BUSY


def masked(text: str, secrets: Iterable[str]) -> str:
    """One line of at most 200 characters in which no credential is left, not even one echoed in a command."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***").replace(secret.replace("'", "''"), "***")
    text = _KEYS.sub(r"\1***", _LOGINS.sub(r"\1 ***", text))
    return " ".join(printable(text, " ").split())[:_KEPT_CHARACTERS]
