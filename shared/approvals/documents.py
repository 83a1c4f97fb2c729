"""The signed content of requests and decisions."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.approvals.actions import Action, Value
from shared.errors import NotGood, UsageError
from shared.events.log import safe_line

APPROVE_WITHIN = timedelta(hours=24)
EXECUTE_WITHIN = timedelta(hours=4)
_LONGEST_REASON = 500


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1

    def payload(self) -> bytes:
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """Parses the payload of a signed statement. Raises NotGood."""
        try:
            return cls.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise NotGood(f"it is signed, but not a valid {cls.__name__.lower()}: {where}: {first['msg']}") from None


class Request(_Document):
    """A request. Exactly `plan` is carried out; `about` is additional information for the person who decides."""

    id: str
    action: Action
    stores: list[str] = Field(min_length=1, max_length=2)  # store and copy store
    plan: dict[str, Value] = Field(max_length=40)
    about: dict[str, Value] = Field(default_factory=dict, max_length=40)
    reason: str = Field(min_length=1, max_length=_LONGEST_REASON)
    person: str = Field(max_length=100)
    requested_at: AwareDatetime
    expires_at: AwareDatetime
    policy: str

    @property
    def approve_until(self) -> datetime:
        """When the request expires: at `expires_at`, but never later than `APPROVE_WITHIN` allows."""
        return min(self.expires_at, self.requested_at + APPROVE_WITHIN)


class Decision(_Document):
    """An approval or refusal of one request. `request_sha256` is of the request's bytes as stored."""

    request: str
    request_sha256: str
    decision: Literal["approved", "refused"]
    reason: str = Field(max_length=_LONGEST_REASON)
    person: str = Field(max_length=100)
    decided_at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def execute_until(self) -> datetime:
        """When the approval expires: at `expires_at`, but never later than `EXECUTE_WITHIN` allows."""
        return min(self.expires_at, self.decided_at + EXECUTE_WITHIN)


def checked_reason(reason: str) -> str:
    """Returns the reason as one line. Raises UsageError if it is empty or too long."""
    line = safe_line(reason)
    if not line or len(line) > _LONGEST_REASON:
        raise UsageError(f"--reason is empty or longer than {_LONGEST_REASON} characters: say in a line why")
    return line


def sha256(raw: bytes) -> str:
    """Returns the SHA-256 of the bytes in hex."""
    return hashlib.sha256(raw).hexdigest()


def differences(approved: dict[str, Value], now: dict[str, Any]) -> list[str]:
    """Returns a sentence for each difference between the approved plan and the current one."""
    return [
        f"{name} is {_as_text(now.get(name))}, and was {_as_text(approved.get(name))}"
        for name in sorted(approved.keys() | now.keys())
        if approved.get(name) != now.get(name)
    ]


def _as_text(value: Any) -> str:
    return safe_line(value if isinstance(value, str) else json.dumps(value))[:200]
