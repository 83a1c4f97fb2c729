"""What the objects of requests and policies are called in a store, as `names.py` does for backups.

    requests/ID.request.json          what somebody asks for
    requests/ID.approved.PERSON.json  that person approves it
    requests/ID.refused.PERSON.json   that person refuses it, which ends it
    requests/ID.used.json             it was carried out, or begun to be: it holds no second time
    policies/SHA256.json              a policy that was in force

Names that come from a store are hostile until `parse_request_object` has taken them apart.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

REQUESTS = "requests/"
POLICIES = "policies/"

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # none that could be taken for another
_ID = re.compile(r"\d{8}T\d{6}Z-[a-z0-9]{8}", re.ASCII)
_OBJECT = re.compile(
    rf"requests/({_ID.pattern})\.(request|used|(?:approved|refused)\.[A-Za-z0-9][A-Za-z0-9._+@-]{{0,99}})\.json",
    re.ASCII,
)
_POLICY = re.compile(r"policies/([0-9a-f]{64})\.json", re.ASCII)


@dataclass(frozen=True)
class RequestObject:
    """An object of a request: its role is request, approved, refused or used; `person` is whom the name names."""

    id: str
    role: str
    person: str | None = None

    @property
    def asked_at(self) -> datetime:
        """The time that the id names; the oldest there is for one that names none."""
        try:
            return datetime.strptime(f"{self.id[:16]}+0000", "%Y%m%dT%H%M%SZ%z")
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)


def new_request_id(moment: datetime) -> str:
    """The time, and 8 random characters."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}"


def is_request_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def request_prefix(request_id: str) -> str:
    """The listing prefix for all objects of a request."""
    return f"{REQUESTS}{request_id}."


def request_object(request_id: str) -> str:
    return f"{REQUESTS}{request_id}.request.json"


def decision_object(request_id: str, decision: str, person: str) -> str:
    return f"{REQUESTS}{request_id}.{decision}.{person}.json"


def used_object(request_id: str) -> str:
    return f"{REQUESTS}{request_id}.used.json"


def parse_request_object(name: str) -> RequestObject | None:
    """What an object is by its name alone; None for anything that is not exactly one of ours."""
    found = _OBJECT.fullmatch(name)
    if found is None:
        return None
    role, _, person = found[2].partition(".")
    return RequestObject(found[1], role, person or None)


def policy_object(digest: str) -> str:
    return f"{POLICIES}{digest}.json"


def parse_policy_object(name: str) -> str | None:
    """The SHA-256 of the policy that has exactly that name; None for any other object."""
    found = _POLICY.fullmatch(name)
    return found[1] if found else None
