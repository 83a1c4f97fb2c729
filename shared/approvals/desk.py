"""Makes requests, decisions on them, and permits to carry them out, under the policy in force."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shared.approvals import anchor
from shared.approvals.actions import Action, Value
from shared.approvals.documents import APPROVE_WITHIN, EXECUTE_WITHIN, Decision, Request, checked_reason, differences
from shared.approvals.people import check_attests, person_of
from shared.approvals.state import APPROVED, EXPIRED, REFUSED, USED, WAITING, RequestState, read_states
from shared.clock import Clock, rfc3339, utc_now
from shared.errors import NotPermitted, ObjectExists, UsageError
from shared.model import request_names as names
from shared.policy.file import PolicyFile
from shared.policy.people import BREAK_GLASS
from shared.statements.envelope import Signer, StatementKind, sign
from shared.stores import Store

Plan = Mapping[str, Value]


@dataclass(frozen=True)
class Submitted:
    """A stored request or decision, and the person who made it."""

    id: str
    person: str
    break_glass: bool = False


class Desk:
    """Requests and decisions in the given stores: the store and, if there is one, the copy store.

    Every statement is written to each store. Raises NotPermitted if no policy is mounted, or not the one in force.
    """

    def __init__(self, mounted: PolicyFile | None, stores: Sequence[Store], clock: Clock = utc_now) -> None:
        anchor.check_in_force(mounted, stores)
        if mounted is None or not mounted.policy.people:
            raise NotPermitted(
                "approvals are not in force: no policy file names people; see docs/approvals.md for how to set them up"
            )
        self.file = mounted
        self.policy = mounted.policy
        self._stores = stores
        self._clock = clock

    def states(self) -> list[RequestState]:
        """Returns all requests, newest first."""
        return read_states(self.policy, self._stores, self._clock())

    def state(self, request_id: str) -> RequestState:
        """Returns the state of one request. Raises UsageError if there is no such request."""
        if not names.is_request_id(request_id):
            raise UsageError(f"{request_id[:60]!r} is not the id of a request: see litekeep requests")
        found = read_states(self.policy, self._stores, self._clock(), request_id)
        if not found:
            raise UsageError(f"no request {request_id} in {self._stores[0].url}: see litekeep requests")
        return found[0]

    def request(
        self,
        signer: Signer,
        action: Action,
        plan: Plan,
        about: Plan,
        reason: str,
        *,
        speaks_for: str | None = None,
        request_id: str | None = None,
    ) -> Submitted:
        """Stores a signed request for exactly that plan.

        `speaks_for`: the person for whom the console signs, after it has identified them. With `request_id`, a repeated
        call raises ObjectExists. Raises NotPermitted if the signer is not one of the policy's people.
        """
        person, now = self._person(signer, StatementKind.REQUEST, speaks_for), self._clock()
        request = Request(
            id=request_id or names.new_request_id(now),
            action=action,
            stores=[store.url for store in self._stores],
            plan=dict(plan),
            about=dict(about),
            reason=checked_reason(reason),
            person=person,
            requested_at=now,
            expires_at=now + APPROVE_WITHIN,
            policy=self.file.digest,
        )
        anchor.record(self.file, self._stores)
        self._create(names.request_object(request.id), sign(signer, StatementKind.REQUEST, request.payload()))
        return Submitted(request.id, person)

    def check_may_decide(
        self, signer: Signer, state: RequestState, decision: str, *, speaks_for: str | None = None
    ) -> str:
        """Returns the person who would decide. Raises NotPermitted if they may not, or the request is not open."""
        person = self._person(signer, StatementKind.DECISION, speaks_for)
        request = state.request
        if request is None:
            raise NotPermitted(f"{state.id} is not a valid request: {state.problems[0]}")
        if decision == APPROVED and person == request.person and person != BREAK_GLASS:
            raise NotPermitted(f"cannot approve {state.id}: {person} made it, and nobody may approve their own request")
        if state.state in (USED, REFUSED) or (decision == APPROVED and state.state != WAITING):
            raise NotPermitted(f"{state.id} is {state.state}, so there is nothing to decide: see litekeep requests")
        return person

    def decide(
        self, signer: Signer, state: RequestState, decision: str, reason: str, *, speaks_for: str | None = None
    ) -> Submitted:
        """Stores a signed decision on the request as shown in `state`. Raises NotPermitted like `check_may_decide`."""
        person = self.check_may_decide(signer, state, decision, speaks_for=speaks_for)
        now = self._clock()
        content = Decision.model_validate(
            {
                "request": state.id,
                "request_sha256": state.sha256,
                "decision": decision,
                "reason": reason,
                "person": person,
                "decided_at": now,
                "expires_at": now + EXECUTE_WITHIN,
            }
        )
        anchor.record(self.file, self._stores)
        self._create(
            names.decision_object(state.id, decision, person), sign(signer, StatementKind.DECISION, content.payload())
        )
        return Submitted(state.id, person, person == BREAK_GLASS)

    def permit(self, request_id: str, actions: Collection[Action], signer: Signer | None = None) -> "Permit":
        """Returns the permit of an approved request. `signer` signs the record of its use.

        Raises NotPermitted if the request is not approved, or not for one of these actions.
        """
        state = self._approved(request_id)
        assert state.request is not None
        if state.request.action not in actions:
            raise NotPermitted(f"{request_id} is approved for {state.request.action}, not for {' or '.join(actions)}")
        return Permit(self, state, signer)

    def redeem(self, approved: RequestState, plan: Plan, signer: Signer | None) -> None:
        """Reads the request again, compares the current plan with it, and records its use. Raises NotPermitted."""
        state = self._approved(approved.id)
        if state.request != approved.request or state.request is None:
            raise NotPermitted(f"cannot carry out {approved.id}: the request was changed after this run began")
        check_plan(state.request, plan)
        used = f'{{"request": "{state.id}", "used_at": "{rfc3339(self._clock())}"}}\n'.encode()
        content = used if signer is None else sign(signer, StatementKind.USED, used)
        anchor.record(self.file, self._stores)
        for store in self._stores:
            try:
                store.create(names.used_object(state.id), content, {})
            except ObjectExists:
                raise NotPermitted(
                    f"cannot carry out {state.id}: it is used already, by another run; make a new request"
                ) from None

    def _person(self, signer: Signer, kind: StatementKind, speaks_for: str | None) -> str:
        if speaks_for is None:
            return person_of(self.policy, signer.public)
        check_attests(self.policy, signer.public, speaks_for, kind)
        return speaks_for

    def _approved(self, request_id: str) -> RequestState:
        """Returns the state of an approved request made for these stores. Raises NotPermitted for any other."""
        state = self.state(request_id)
        if state.state == APPROVED and state.request is not None:
            places = [store.url for store in self._stores]
            if state.request.stores != places:
                raise NotPermitted(
                    f"{request_id} was made for {' and '.join(state.request.stores)}, and this run uses "
                    f"{' and '.join(places)}: set BACKUP_STORE and BACKUP_COPY_STORE as they were"
                )
            return state
        why = {
            USED: "it is used already, and valid only once: make a new request",
            REFUSED: f"it was refused by {state.refused_by}",
            EXPIRED: "it has expired: make a new request",
            WAITING: "nobody has approved it yet",
        }.get(state.state, "")
        more = "; ".join([why, *state.problems] if why else state.problems)
        raise NotPermitted(f"cannot carry out {request_id}: {more}")

    def _create(self, name: str, content: bytes) -> None:
        for store in self._stores:
            store.create(name, content, {})


@dataclass(frozen=True)
class Permit:
    """The permit of an approved request, for one run: `check` it first, and `redeem` it right before the change."""

    desk: Desk
    state: RequestState
    signer: Signer | None = None

    @property
    def request(self) -> Request:
        """The approved request."""
        assert self.state.request is not None
        return self.state.request

    @property
    def break_glass(self) -> bool:
        """Whether an offline key approved the request."""
        return bool(self.state.approval and self.state.approval.break_glass)

    def check(self, plan: Plan) -> None:
        """Raises NotPermitted if the plan differs from the approved one."""
        check_plan(self.request, plan)

    def redeem(self, plan: Plan) -> None:
        """Checks the request and the plan once more, and records the use. Raises NotPermitted."""
        self.desk.redeem(self.state, plan, self.signer)


def check_plan(request: Request, plan: Plan) -> None:
    """Raises NotPermitted if the plan differs from the approved one."""
    different = differences(request.plan, dict(plan))
    if different:
        raise NotPermitted(f"{request.id} was approved for something else: {different[0]}; make a new request")
