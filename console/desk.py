"""What somebody does at the desk: asks, decides, starts; signed by the console for whom it has identified, or with the
person's own key on a laptop. Each deed is an audit event in the person's name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from console.wiring import caller, roles, wiring
from shared.approvals.changes import changes_since
from shared.approvals.desk import Desk, Plan
from shared.approvals.documents import Action
from shared.approvals.state import APPROVED, RequestState
from shared.catalog.listing import Catalog
from shared.errors import NotGood, NotPermitted
from shared.events.log import Event
from shared.stores import open_store
from shared.terminal.approvals import desk_of, fields_of, signer_of
from shared.terminal.audit import audited

_EVENTS = {"approved": Event.REQUEST_APPROVED, "refused": Event.REQUEST_REFUSED}


def desk() -> Desk:
    """Raises NotPermitted where approvals are not in force."""
    return desk_of(wiring().settings)


def ask(request_id: str, plan: Plan, about: Plan, reason: str) -> RequestState:
    """Makes the request. Raises NotPermitted, ObjectExists when the same form was sent before."""
    person = _person(may=roles().ask)
    settings, own = wiring().settings, desk()
    target = str(plan.get("target"))
    with _deed("request", target, f"{Action.RESTORE}: {reason}"):
        own.request(
            signer_of(settings),
            Action.RESTORE,
            plan,
            about,
            reason,
            speaks_for=_spoken_for(person),
            request_id=request_id,
        )
    state = own.state(request_id)
    if state.request is not None:
        told = f"{person} asks for {Action.RESTORE} of {target}: {state.request.reason}"
        wiring().log.emit(Event.REQUEST_MADE, told, fields_of(state.request, person))
    return state


def decide(request_id: str, sha256: str, decision: str, reason: str) -> RequestState:
    """Approves or refuses what was shown with that SHA-256. Raises NotPermitted, NotGood."""
    person = _person(may=roles().decide)
    settings, own = wiring().settings, desk()
    state = own.state(request_id)
    with _deed({"approved": "approve", "refused": "refuse"}[decision], request_id, reason or None):
        if state.sha256 != sha256:
            raise NotGood(f"{request_id} is not what was shown any more: look at it again")
        _, gone = changes_since(Catalog(open_store(settings.backup_store)), own, state)
        if decision == APPROVED and gone:
            raise NotGood(f"{request_id} cannot be approved: {gone}; refuse it, and ask again")
        own.decide(signer_of(settings), state, decision, reason, speaks_for=_spoken_for(person))
    if state.request is not None:
        fields = fields_of(state.request, person)
        told = f"{person} has {decision} {state.request.action} of {fields['target']}"
        wiring().log.emit(_EVENTS[decision], told, fields)
    return own.state(request_id)


def start(request_id: str) -> RequestState:
    """Has the restore job carry out an approved request. Raises NotPermitted, UsageError without a job."""
    from shared.runtime.run_job import run_job  # noqa: PLC0415 - Google's library, where a job is started alone

    _person(may=roles().ask)
    settings, own = wiring().settings, desk()
    state = own.state(request_id)
    job = settings.backup_console_restore_job
    if state.state != APPROVED or state.request is None or job is None:
        raise NotPermitted(f"{request_id} cannot be started here: it is {state.state}")
    with _deed("restore start", request_id, None):
        run_job(job, [f"--request={request_id}"])
    return state


@contextmanager
def _deed(action: str, target: str, reason: str | None) -> Iterator[None]:
    settings = wiring().settings
    with audited(wiring().log, settings, action, target, reason=reason) as deed:
        deed.actor = caller().name
        yield


def _person(*, may: bool) -> str:
    person = roles().person
    if not may or person is None:
        raise NotPermitted(f"you may not do that here: {roles().why_not or 'the policy does not say that you may'}")
    return person


def _spoken_for(person: str) -> str | None:
    """On a laptop the person's own key signs, and nobody speaks for anybody."""
    return None if caller().own_key else person
