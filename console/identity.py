"""The identity of a caller, and how it is found."""

from dataclasses import dataclass
from typing import Protocol

from flask import Request

LONGEST_ADDRESS = 254  # characters of a mail address


class NotIdentified(Exception):
    """The request carries no identity, or none that can be trusted. The message is shown."""


@dataclass(frozen=True)
class Caller:
    """The person who makes a request. `own_key`: the person's own key signs, not the console's."""

    name: str
    own_key: bool = False


class Gate(Protocol):
    """Identifies callers: by IAP's signed header, or by the one-time token on this machine."""

    secure: bool  # whether pages are served by https

    def identify(self, request: Request) -> Caller:
        """Returns the caller. Raises NotIdentified."""
