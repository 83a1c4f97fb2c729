"""Reads the state of requests from the stores and checks it against the policy, without any cache."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.approvals.documents import Decision, Request, sha256
from shared.approvals.people import SignedStatement, check_person, verified
from shared.clock import is_future, rfc3339
from shared.errors import NotGood, ObjectMissing
from shared.model import request_names as names
from shared.model.request_names import RequestObject
from shared.policy.file import Policy
from shared.statements.envelope import StatementKind
from shared.stores import Store, StoredObject

WAITING, APPROVED, REFUSED, USED, EXPIRED = "waiting", "approved", "refused", "used", "expired"
INVALID = "invalid"  # without a valid signature: it is shown, but has no effect

_LARGEST = 256 << 10  # bytes of one statement
_MOST = 2000  # objects read per store, the newest names


@dataclass(frozen=True)
class Approval:
    """A valid approval."""

    decision: Decision
    break_glass: bool


@dataclass(frozen=True)
class RequestState:
    """The state of a request. `request` is None if it is not valid.

    `problems` say why it is not, and why decisions on it are not. `sha256` is of the request's bytes as stored.
    """

    id: str
    state: str
    request: Request | None = None
    sha256: str = ""
    approval: Approval | None = None
    refused_by: str | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def expires_at(self) -> datetime | None:
        """When the approval expires, or else the request; None if the request is not valid."""
        if self.approval is not None:
            return self.approval.decision.execute_until
        return self.request.approve_until if self.request else None

    def to_json(self) -> dict[str, Any]:
        """Returns an item of `requests --json`."""
        request, approval = self.request, self.approval
        return {
            "id": self.id,
            "state": self.state,
            "action": request.action.value if request else None,
            "requester": request.person if request else None,
            "requested_at": rfc3339(request.requested_at) if request else None,
            "reason": request.reason if request else None,
            "plan": request.plan if request else None,
            "about": request.about if request else None,
            "approved_by": approval.decision.person if approval else None,
            "break_glass": bool(approval and approval.break_glass),
            "refused_by": self.refused_by,
            "expires_at": rfc3339(self.expires_at) if self.expires_at else None,
            "problems": self.problems,
        }


Found = dict[tuple[str, str | None], bytes]  # by role and person


def read_states(policy: Policy, stores: Sequence[Store], now: datetime, only: str | None = None) -> list[RequestState]:
    """Reads all requests, newest first, or only the one with id `only`. Raises StoreError."""
    prefix = names.REQUESTS if only is None else names.request_prefix(only)
    found: dict[str, Found] = {}
    for store in stores:
        listed = [(parsed, item) for item in store.list_objects(prefix) if (parsed := _parse(item, only))]
        for parsed, item in listed[-_MOST:]:
            content = _read(store, item)
            if content is not None:
                found.setdefault(parsed.id, {}).setdefault((parsed.role, parsed.person), content)
    return [_state_of(policy, request_id, found[request_id], now) for request_id in sorted(found, reverse=True)]


def _parse(item: StoredObject, only: str | None) -> RequestObject | None:
    parsed = names.parse_request_object(item.name)
    return parsed if parsed is not None and only in (None, parsed.id) else None


def _read(store: Store, item: StoredObject) -> bytes | None:
    """Returns the object's content, only the beginning if it is too large for a statement; None if it was deleted."""
    try:
        with store.open(item.name, item.generation) as stream:
            return stream.read(_LARGEST + 1)
    except ObjectMissing:
        return None


def _state_of(policy: Policy, request_id: str, found: Found, now: datetime) -> RequestState:
    """Returns the state of one request from the stored statements about it, each checked against the policy."""
    raw = found.get(("request", None))
    problems: list[str] = []
    if raw is None:
        return RequestState(request_id, INVALID, problems=["the request is missing, only decisions on it are stored"])
    try:
        request = _request_in(policy, raw, request_id, now)
    except NotGood as error:
        return RequestState(request_id, INVALID, problems=[str(error)])
    approvals, refused_by = [], None
    for (role, person), content in sorted(found.items(), key=str):
        if person is None:
            continue
        if role == "refused":
            refused_by = person
            problems += _refusal_problems(policy, content, request_id, raw, person)
            continue
        try:
            approvals.append(_approval(policy, content, request, raw, person, now))
        except NotGood as error:
            problems.append(f"the approval of {person} is not valid: {error}")
    approval = max(approvals, key=lambda each: each.decision.execute_until, default=None)
    state = _named_state(found, request, approval, refused_by, now)
    return RequestState(request_id, state, request, sha256(raw), approval, refused_by, problems)


def _named_state(
    found: Iterable[tuple[str, str | None]],
    request: Request,
    approval: Approval | None,
    refused_by: str | None,
    now: datetime,
) -> str:
    """Returns the name of the state. A use counts first, then a refusal, then an approval."""
    if ("used", None) in found:
        return USED
    if refused_by is not None:
        return REFUSED
    if approval is not None:
        return APPROVED if now <= approval.decision.execute_until else EXPIRED
    return WAITING if now <= request.approve_until else EXPIRED


def _request_in(policy: Policy, raw: bytes, request_id: str, now: datetime) -> Request:
    signed = verified(policy, raw, StatementKind.REQUEST)
    request = Request.read(signed.statement.payload)
    check_person(policy, signed, request.person, StatementKind.REQUEST)
    if request.id != request_id:
        raise NotGood(f"this request is {request.id}, stored under another id")
    if is_future(request.requested_at, now):
        raise NotGood(f"this request is of {rfc3339(request.requested_at)}, in the future: a clock is wrong")
    return request


def _approval(policy: Policy, content: bytes, request: Request, raw: bytes, person: str, now: datetime) -> Approval:
    decision, signed = _decision_in(policy, content, request.id, raw, person, "approved")
    if decision.person == request.person and not signed.break_glass:
        raise NotGood("nobody may approve their own request")
    if decision.decided_at > request.approve_until:
        raise NotGood(f"it came at {rfc3339(decision.decided_at)}, after the request had expired")
    if is_future(request.requested_at, decision.decided_at):
        raise NotGood("it is dated before the request")
    if is_future(decision.decided_at, now):
        raise NotGood(f"it is dated {rfc3339(decision.decided_at)}, in the future: a clock is wrong")
    return Approval(decision, signed.break_glass)


def _decision_in(
    policy: Policy, content: bytes, request_id: str, raw: bytes, person: str, wanted: str
) -> tuple[Decision, SignedStatement]:
    signed = verified(policy, content, StatementKind.DECISION)
    decision = Decision.read(signed.statement.payload)
    check_person(policy, signed, decision.person, StatementKind.DECISION)
    if (decision.decision, decision.person) != (wanted, person):
        raise NotGood(f"it says that {decision.person} {decision.decision}, and is stored under another name")
    if decision.request != request_id or decision.request_sha256 != sha256(raw):
        raise NotGood("it is of another request, or the request was changed since")
    return decision, signed


def _refusal_problems(policy: Policy, content: bytes, request_id: str, raw: bytes, person: str) -> list[str]:
    """Returns why a refusal is not valid. Even such a refusal ends the request, so the problem is only reported."""
    try:
        _decision_in(policy, content, request_id, raw, person, "refused")
    except NotGood as error:
        return [f"the refusal of {person} ends the request, but is not valid: {error}"]
    return []
