"""Where requests are made, decided on and carried out: the policy in force, the stores, and the clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shared.approvals import anchor
from shared.approvals.documents import (
    APPROVE_WITHIN,
    EXECUTE_WITHIN,
    Action,
    Decision,
    Request,
    Value,
    checked_reason,
    differences,
)
from shared.approvals.people import attested, person_of
from shared.approvals.state import APPROVED, EXPIRED, REFUSED, USED, WAITING, RequestState, read_states
from shared.clock import Clock, rfc3339, utc_now
from shared.errors import NotPermitted, ObjectExists, UsageError
from shared.model import request_names as names
from shared.policy.file import PolicyFile
from shared.policy.people import BREAK_GLASS
from shared.statements import Signer, StatementKind, sign
from shared.stores import Store

Plan = Mapping[str, Value]


@dataclass(frozen=True)
class Submitted:
    """A request or a decision that is in the stores, and who made it."""

    id: str
    person: str
    break_glass: bool = False


class Desk:
    """`stores` are the store and, where there is one, the copy store: what is said is said in each of them.

    Raises NotPermitted where the policy that is mounted is not the one in force, or there is none.
    """

    def __init__(self, mounted: PolicyFile | None, stores: Sequence[Store], clock: Clock = utc_now) -> None:
        anchor.check_in_force(mounted, stores)
        if mounted is None or not mounted.policy.people:
            raise NotPermitted(
                "approvals are not in force: no policy file names people; see docs/approvals.md for how to set it up"
            )
        self.file = mounted
        self.policy = mounted.policy
        self._stores = stores
        self._clock = clock

    def states(self) -> list[RequestState]:
        """All requests, newest first."""
        return read_states(self.policy, self._stores, self._clock())

    def state(self, request_id: str) -> RequestState:
        """Raises UsageError when there is no such request."""
        if not names.is_request_id(request_id):
            raise UsageError(f"{request_id[:60]!r} is no request's id: see litekeep requests")
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
        """Asks for exactly that plan. Raises NotPermitted when the signer is none of the policy's people.

        `speaks_for`: the console signs what that person did, whom it has identified. With a `request_id` the same
        request made again raises ObjectExists.
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
        anchor.keep(self.file, self._stores)
        self._create(names.request_object(request.id), sign(signer, StatementKind.REQUEST, request.payload()))
        return Submitted(request.id, person)

    def check_may_decide(
        self, signer: Signer, state: RequestState, decision: str, *, speaks_for: str | None = None
    ) -> str:
        """Who would decide. Raises NotPermitted when it is not his to decide, or no longer open."""
        person = self._person(signer, StatementKind.DECISION, speaks_for)
        request = state.request
        if request is None:
            raise NotPermitted(f"{state.id} is no request that counts: {state.problems[0]}")
        if decision == APPROVED and person == request.person and person != BREAK_GLASS:
            raise NotPermitted(f"{state.id} was asked for by {person}: nobody approves what he asked for himself")
        if state.state in (USED, REFUSED) or (decision == APPROVED and state.state != WAITING):
            raise NotPermitted(f"{state.id} is {state.state}, so there is nothing to decide: see litekeep requests")
        return person

    def decide(
        self, signer: Signer, state: RequestState, decision: str, reason: str, *, speaks_for: str | None = None
    ) -> Submitted:
        """Approves or refuses what was shown as `state`. Raises NotPermitted as `check_may_decide`."""
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
        anchor.keep(self.file, self._stores)
        self._create(
            names.decision_object(state.id, decision, person), sign(signer, StatementKind.DECISION, content.payload())
        )
        return Submitted(state.id, person, person == BREAK_GLASS)

    def permit(self, request_id: str, actions: Collection[Action], signer: Signer | None = None) -> "Permit":
        """What an approved request allows; `signer` signs that it was used.

        Raises NotPermitted when it allows nothing, or not that.
        """
        state = self._approved(request_id)
        assert state.request is not None
        if state.request.action not in actions:
            raise NotPermitted(f"{request_id} is approved for {state.request.action}, not for {' or '.join(actions)}")
        return Permit(self, state, signer)

    def redeem(self, approved: RequestState, plan: Plan, signer: Signer | None) -> None:
        """Holds the plan of now to what was approved, looks at everything anew, and uses the request up."""
        state = self._approved(approved.id)
        if state.request != approved.request or state.request is None:
            raise NotPermitted(f"{approved.id} was changed since it was begun")
        check_plan(state.request, plan)
        used = f'{{"request": "{state.id}", "used_at": "{rfc3339(self._clock())}"}}\n'.encode()
        content = used if signer is None else sign(signer, StatementKind.USED, used)
        anchor.keep(self.file, self._stores)
        for store in self._stores:
            try:
                store.create(names.used_object(state.id), content, {})
            except ObjectExists:
                raise NotPermitted(f"{state.id} is used already: another run was faster; ask again") from None

    def _person(self, signer: Signer, kind: StatementKind, speaks_for: str | None) -> str:
        if speaks_for is None:
            return person_of(self.policy, signer.public)
        return attested(self.policy, signer.public, speaks_for, kind)

    def _approved(self, request_id: str) -> RequestState:
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
            USED: "it is used already, and holds only once: ask again",
            REFUSED: f"it was refused by {state.refused_by}",
            EXPIRED: "its time is over: ask again",
            WAITING: "nobody has approved it yet",
        }.get(state.state, "")
        more = "; ".join([why, *state.problems] if why else state.problems)
        raise NotPermitted(f"{request_id} allows nothing: {more}")

    def _create(self, name: str, content: bytes) -> None:
        for store in self._stores:
            store.create(name, content, {})


@dataclass(frozen=True)
class Permit:
    """What was approved, for one run. `check` at its start, `redeem` right before anything is touched."""

    desk: Desk
    state: RequestState
    signer: Signer | None = None

    @property
    def request(self) -> Request:
        assert self.state.request is not None
        return self.state.request

    @property
    def break_glass(self) -> bool:
        return bool(self.state.approval and self.state.approval.break_glass)

    def check(self, plan: Plan) -> None:
        """Raises NotPermitted where the plan of now is another than the one that was approved."""
        check_plan(self.request, plan)

    def redeem(self, plan: Plan) -> None:
        """Uses it up, once everything holds as of now. Raises NotPermitted."""
        self.desk.redeem(self.state, plan, self.signer)


def check_plan(request: Request, plan: Plan) -> None:
    """Raises NotPermitted where the plan of now is another than the one that was approved."""
    different = differences(request.plan, dict(plan))
    if different:
        raise NotPermitted(f"{request.id} was approved for something else: {different[0]}; ask again")
