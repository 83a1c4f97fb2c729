"""Who asks: what a gate makes of a request, before anything else is done with it."""

from dataclasses import dataclass
from typing import Protocol

from flask import Request

LONGEST = 254  # characters of a mail address


class NotIdentified(Exception):
    """The request does not say who makes it, or says it in a way that does not count. The text is shown."""


@dataclass(frozen=True)
class Caller:
    """Who a request is from. `own_key`: what this person does is signed with a key of the person's own."""

    name: str
    own_key: bool = False


class Gate(Protocol):
    """How callers are identified: by IAP's signed header, or by the one-time token on this machine."""

    secure: bool  # whether pages are served by https

    def identify(self, request: Request) -> Caller:
        """Who makes the request. Raises NotIdentified."""
