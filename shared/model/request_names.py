"""Builds and parses the object names of requests and policies.

    requests/ID.request.json          a request
    requests/ID.approved.PERSON.json  an approval by that person
    requests/ID.refused.PERSON.json   a refusal by that person, which ends the request
    requests/ID.used.json             the request was carried out or begun: it cannot be used again
    policies/SHA256.json              a policy that was in force

Names from a store are not trusted until `parse_request_object` has accepted them.
"""

import re
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

REQUESTS = "requests/"
POLICIES = "policies/"

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without characters that look alike
_ID = re.compile(r"\d{8}T\d{6}Z-[a-z0-9]{8}", re.ASCII)
_OBJECT = re.compile(
    rf"requests/({_ID.pattern})\.(request|used|(?:approved|refused)\.[A-Za-z0-9][A-Za-z0-9._+@-]{{0,99}})\.json",
    re.ASCII,
)
_POLICY = re.compile(r"policies/([0-9a-f]{64})\.json", re.ASCII)


class RequestObject(NamedTuple):
    """A parsed object name. The role is request, approved, refused or used; `person` is who decided."""

    id: str
    role: str
    person: str | None = None

    @property
    def asked_at(self) -> datetime:
        """The time in the id; the earliest possible time if the id contains no valid one."""
        try:
            return datetime.strptime(f"{self.id[:16]}+0000", "%Y%m%dT%H%M%SZ%z")
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)


def new_request_id(moment: datetime) -> str:
    """Returns a new id: the time and 8 random characters."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}"


def is_request_id(text: str) -> bool:
    """Returns whether `text` has the form of a request's id."""
    return _ID.fullmatch(text) is not None


def request_prefix(request_id: str) -> str:
    """Returns the listing prefix of all objects of a request."""
    return f"{REQUESTS}{request_id}."


def request_object(request_id: str) -> str:
    """Returns the name of a request."""
    return f"{REQUESTS}{request_id}.request.json"


def decision_object(request_id: str, decision: str, person: str) -> str:
    """Returns the name of a person's decision: `approved` or `refused`."""
    return f"{REQUESTS}{request_id}.{decision}.{person}.json"


def used_object(request_id: str) -> str:
    """Returns the name of the record of a request's use."""
    return f"{REQUESTS}{request_id}.used.json"


def parse_request_object(name: str) -> RequestObject | None:
    """Parses an object's name; None if it is not exactly the name of a request's object."""
    found = _OBJECT.fullmatch(name)
    if found is None:
        return None
    role, _, person = found[2].partition(".")
    return RequestObject(found[1], role, person or None)


def policy_object(digest: str) -> str:
    """Returns the name of the policy with that SHA-256."""
    return f"{POLICIES}{digest}.json"


def parse_policy_object(name: str) -> str | None:
    """Returns the SHA-256 in the name of a policy; None for any other object."""
    found = _POLICY.fullmatch(name)
    return found[1] if found else None
