"""Actions on restore requests: make one, approve or refuse one, start the restore job.

Behind Identity-Aware Proxy the console signs for the person whom it identified; on a laptop the person's own key signs.
Each action is recorded as an audit event in the person's name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from console.wiring import caller, roles, wiring
from shared.approvals.actions import Action
from shared.approvals.changes import changes_since
from shared.approvals.desk import Desk, Plan
from shared.approvals.state import APPROVED, RequestState
from shared.catalog.listing import Catalog
from shared.errors import NotGood, NotPermitted
from shared.events.log import Event
from shared.stores import open_store
from shared.terminal.approvals import desk_of, fields_of, signer_of
from shared.terminal.audit import audited

_EVENTS = {"approved": Event.REQUEST_APPROVED, "refused": Event.REQUEST_REFUSED}


def desk() -> Desk:
    """Returns the approvals of this store. Raises NotPermitted if no policy requires them."""
    return desk_of(wiring().settings)


def make_request(request_id: str, plan: Plan, about: Plan, reason: str) -> RequestState:
    """Stores the request. Raises NotPermitted; ObjectExists if the same form was sent before."""
    person = _person(may=roles().ask)
    settings, own = wiring().settings, desk()
    target = str(plan.get("target"))
    with _audited("request", target, f"{Action.RESTORE}: {reason}"):
        own.request(
            signer_of(settings),
            Action.RESTORE,
            plan,
            about,
            reason,
            speaks_for=_signs_for(person),
            request_id=request_id,
        )
    state = own.state(request_id)
    if state.request is not None:
        message = f"{person} asks for {Action.RESTORE} of {target}: {state.request.reason}"
        wiring().log.emit(Event.REQUEST_MADE, message, fields_of(state.request, person))
    return state


def decide(request_id: str, sha256: str, decision: str, reason: str) -> RequestState:
    """Approves or refuses the request, if its SHA-256 is still the one that was shown. Raises NotPermitted, NotGood."""
    person = _person(may=roles().decide)
    settings, own = wiring().settings, desk()
    state = own.state(request_id)
    with _audited({"approved": "approve", "refused": "refuse"}[decision], request_id, reason or None):
        if state.sha256 != sha256:
            raise NotGood(f"{request_id} has changed since it was shown: load the page again")
        _, gone = changes_since(Catalog(open_store(settings.backup_store)), own, state)
        if decision == APPROVED and gone:
            raise NotGood(f"{request_id} cannot be approved: {gone}; refuse it, and make a new request")
        own.decide(signer_of(settings), state, decision, reason, speaks_for=_signs_for(person))
    if state.request is not None:
        fields = fields_of(state.request, person)
        message = f"{person} has {decision} {state.request.action} of {fields['target']}"
        wiring().log.emit(_EVENTS[decision], message, fields)
    return own.state(request_id)


def start(request_id: str) -> RequestState:
    """Starts the restore job for an approved request. Raises NotPermitted, also if no job is configured."""
    from shared.runtime.run_job import run_job  # noqa: PLC0415 - only this function needs Google's library

    _person(may=roles().ask)
    settings, own = wiring().settings, desk()
    state = own.state(request_id)
    job = settings.backup_console_restore_job
    if state.state != APPROVED or state.request is None or job is None:
        raise NotPermitted(f"{request_id} cannot be started here: it is {state.state}")
    with _audited("restore start", request_id, None):
        run_job(job, [f"--request={request_id}"])
    return state


@contextmanager
def _audited(action: str, target: str, reason: str | None) -> Iterator[None]:
    """Records the block as an audit event of the caller."""
    settings = wiring().settings
    with audited(wiring().log, settings, action, target, reason=reason) as event:
        event.actor = caller().name
        yield


def _person(*, may: bool) -> str:
    """Returns the caller's name in the policy. Raises NotPermitted unless `may`."""
    person = roles().person
    if not may or person is None:
        raise NotPermitted(f"you may not do that here: {roles().why_not or 'the policy does not permit it'}")
    return person


def _signs_for(person: str) -> str | None:
    """Returns the person for whom the console signs; None on a laptop, where the person's own key signs."""
    return None if caller().own_key else person
