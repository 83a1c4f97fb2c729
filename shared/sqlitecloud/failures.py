"""Errors of a SQLite Cloud node. `transient` errors may be retried; the others need a person.

Text from the node passes through `masked` before it becomes part of a message.
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
    """A request to a SQLite Cloud node failed. `transient` means that a retry may succeed."""

    transient = False


class Lost(CloudError):
    """The connection broke. It is unknown whether the node executed the last command."""

    transient = True


class TimedOut(Lost):
    """The node was silent for too long, or the transfer too slow."""


class Unreachable(CloudError):
    """No connection could be made: wrong host or port, untrusted certificate, no TLS 1.3."""


class Garbled(CloudError):
    """The reply is malformed, or not a valid reply to the command."""


class CommandRefused(CloudError):
    """The node answered with a complete error reply. The connection remains usable."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        self.transient = code in _BUSY


def masked(text: str, secrets: Iterable[str]) -> str:
    """Returns `text` as one line of at most 200 characters, with credentials masked, also in echoed commands."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***").replace(secret.replace("'", "''"), "***")
    text = _KEYS.sub(r"\1***", _LOGINS.sub(r"\1 ***", text))
    return " ".join(printable(text, " ").split())[:_KEPT_CHARACTERS]
