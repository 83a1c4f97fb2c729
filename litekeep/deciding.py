"""Implements `litekeep approve` and `litekeep refuse`."""

import sys

import click

from shared.approvals.actions import Action
from shared.approvals.changes import changes_since, text_of
from shared.approvals.state import APPROVED, RequestState
from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.errors import NotGood, UsageError
from shared.events.log import Event
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.approvals import desk_of, fields_of, signer_of
from shared.terminal.audit import audited
from shared.terminal.parts import event_log
from shared.terminal.screen import say, say_json

_EVENTS = {"approved": Event.REQUEST_APPROVED, "refused": Event.REQUEST_REFUSED}


def decide(settings: Settings, request_id: str, decision: str, reason: str, *, sure: bool, as_json: bool) -> int:
    """Shows the request and what has changed since, asks for confirmation, signs the decision, and emits its event.

    Raises UsageError without a terminal unless `sure`, NotPermitted, and NotGood if the plan cannot be carried out.
    """
    if not sure and (as_json or not sys.stdin.isatty()):
        raise UsageError("there is no terminal to ask on: read litekeep requests first, and add --yes")
    desk, signer = desk_of(settings), signer_of(settings)
    state = desk.state(request_id)
    log = event_log(settings, result_on_stdout=as_json)
    verb = {"approved": "approve", "refused": "refuse"}[decision]
    with audited(log, settings, verb, request_id, reason=reason or None) as operation:
        person = operation.person = desk.check_may_decide(signer, state, decision)
        changes, gone = changes_since(Catalog(open_store(settings.backup_store)), desk, state)
        if not as_json:
            say_request(state)
            _say_changes(changes)
        if decision == APPROVED and gone:
            raise NotGood(f"{request_id} cannot be approved: {gone}; refuse it, and ask again")
        if not sure and not click.confirm(f"{verb.capitalize()} this as {person}?", err=True):
            raise click.Abort
        made = desk.decide(signer, state, decision, reason)
    assert state.request is not None
    target = fields_of(state.request, person)["target"]
    fields = fields_of(state.request, person)
    log.emit(_EVENTS[decision], f"{person} has {decision} {state.request.action} of {target}", fields)
    if made.break_glass and decision == APPROVED:
        message = f"an offline key alone has approved {state.request.action} of {target}"
        log.emit(Event.RESTORE_BREAK_GLASS, message, fields)
    _say_done(desk.state(request_id), changes, person, as_json=as_json)
    return 0


def say_request(state: RequestState) -> None:
    """Prints the request with its plan, what the requester saw, and its problems."""
    request = state.request
    if request is None:
        say(f"{state.id}: {state.state}")
    else:
        say(f"{state.id}: {request.action}, {state.state}")
        say(f"  asked for by {request.person}, {rfc3339(request.requested_at)}: {request.reason}")
        for name, value in {**request.plan, "stores": request.stores}.items():
            if value not in (None, False, []):
                say(f"  {name}: {text_of(value)}")
        for name, value in request.about.items():
            if value is not None:
                say(f"  then {name}: {text_of(value)}")  # what the requester saw; it has no effect
        if request.plan.get("in_place"):
            say("  IN PLACE: what is there is overwritten, after a safety backup")
    for problem in state.problems:
        say(f"  problem: {problem}")


def _say_changes(changes: list[str]) -> None:
    for change in changes:
        say(f"  since then: {change}")
    if not changes:
        say("  since then: nothing has changed")


def _say_done(state: RequestState, changes: list[str], person: str, *, as_json: bool) -> None:
    if as_json:
        say_json(state.to_json() | {"changes": changes})
        return
    verb = "Refused" if state.state == "refused" else "Approved"
    say(f"{verb} {state.id} as {person}")
    if state.request and state.state == APPROVED and state.expires_at:
        command = {Action.ROWS: "rows restore", Action.DELETE: "delete", Action.CLEANUP: "cleanup"}
        what = command.get(state.request.action, "restore")
        say(f"  until {rfc3339(state.expires_at)}, once: litekeep {what} --request {state.id}")
