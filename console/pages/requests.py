"""Restore requests: the list, one request, approving or refusing it, starting the restore."""

import shlex
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.paging import PAGE, page_number, pages_of
from console.rendering import page
from console.request_actions import decide, desk, start
from console.trail import events_of_request
from console.wiring import caller, roles, wiring
from shared.approvals.changes import changes_since
from shared.approvals.documents import checked_reason
from shared.approvals.state import APPROVED, WAITING, RequestState
from shared.catalog.listing import Catalog
from shared.errors import NotPermitted, UsageError

blueprint = Blueprint("requests", __name__)
_DECISIONS = {"approved", "refused"}


@blueprint.get("/requests")
def show() -> Response:
    """Shows all requests: first the waiting ones, then the newest."""
    try:
        states, why_not = desk().states(), None
    except NotPermitted as error:
        states, why_not = [], str(error)
    states.sort(key=lambda each: each.state != WAITING)
    number = page_number(len(states))
    document = {
        "in_force": why_not is None,
        "why_not": why_not,
        "count": len(states),
        "waiting": sum(1 for each in states if each.state == WAITING),
        "page": number,
        "pages": pages_of(len(states)),
        "requests": [each.to_json() for each in states[(number - 1) * PAGE : number * PAGE]],
    }
    return page("requests.html", document)


@blueprint.get("/request")
def one() -> Response:
    """Shows one request: its plan, what changed since, and the forms that the caller may use."""
    own = desk()
    state = own.state(request.args.get("id", ""))
    changes, gone = changes_since(Catalog(wiring().store), own, state)
    document = {
        **state.to_json(),
        "changes": changes,
        "cannot_be_approved": gone,
        "may": _may(state, gone),
        "progress": [each.to_json() for each in events_of_request(wiring().store, state)],
        "command": f"litekeep restore --request {shlex.quote(state.id)}",
    }
    forms = wiring().forms
    tokens = {
        purpose: forms.token(caller().name, purpose, f"{state.id} {state.sha256}") for purpose in ("decide", "start")
    }
    return page("request.html", document, tokens=tokens, why_not=roles().why_not)


@blueprint.post("/request/decide")
def send_decision() -> AnyResponse:
    """Approves or refuses the request as it was shown."""
    request_id, _, sha256 = wiring().forms.name_in(request, caller().name, "decide").partition(" ")
    decision = request.form.get("decision", "")
    if decision not in _DECISIONS:
        raise UsageError("decision must be approved or refused")
    reason = request.form.get("reason", "").strip()
    decide(request_id, sha256, decision, checked_reason(reason) if reason or decision == "refused" else "")
    return redirect(url_for("requests.one", id=request_id), 303)


@blueprint.post("/request/start")
def send_start() -> AnyResponse:
    """Starts the restore job. The job checks the request and its approval by itself."""
    request_id, _, _ = wiring().forms.name_in(request, caller().name, "start").partition(" ")
    start(request_id)
    return redirect(url_for("requests.one", id=request_id, started=1), 303)


def _may(state: RequestState, gone: str | None) -> dict[str, Any]:
    """Returns what the caller may do with the request. Nobody approves their own request."""
    own, requester = roles(), state.request.person if state.request else None
    may_decide = state.state == WAITING and own.decide
    return {
        "approve": may_decide and requester != own.person and gone is None,
        "refuse": own.decide and state.state in (WAITING, APPROVED),
        "start": own.ask and state.state == APPROVED and wiring().settings.backup_console_restore_job is not None,
    }
