"""What `litekeep approve` and `refuse` do: the plan in full, what has changed since, and a signature."""

import sys
from hashlib import sha256

import click

from shared.approvals.desk import Desk
from shared.approvals.documents import Action, Value
from shared.approvals.state import APPROVED, RequestState
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.errors import LitekeepError, NotGood, UsageError
from shared.events.log import Event
from shared.model.names import SAFETY_PREFIX
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.approvals import desk_of, fields_of, signer_of
from shared.terminal.audit import audited
from shared.terminal.parts import event_log
from shared.terminal.screen import say, say_json

_EVENTS = {"approved": Event.REQUEST_APPROVED, "refused": Event.REQUEST_REFUSED}


def decide(settings: Settings, request_id: str, decision: str, reason: str, *, sure: bool, as_json: bool) -> int:
    """Shows what is to be decided, asks, signs, and tells it as an event."""
    if not sure and (as_json or not sys.stdin.isatty()):
        raise UsageError("nobody can be asked here: read litekeep requests first, and add --yes")
    desk, signer = desk_of(settings), signer_of(settings)
    state = desk.state(request_id)
    log = event_log(settings, result_on_stdout=as_json)
    verb = {"approved": "approve", "refused": "refuse"}[decision]
    with audited(log, settings, verb, request_id, reason=reason or None):
        person = desk.check_may_decide(signer, state, decision)
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
        told = f"an offline key alone has approved {state.request.action} of {target}"
        log.emit(Event.RESTORE_BREAK_GLASS, told, fields)
    _say_done(desk.state(request_id), changes, person, as_json=as_json)
    return 0


def say_request(state: RequestState) -> None:
    """All that the request says."""
    request = state.request
    if request is None:
        say(f"{state.id}: {state.state}")
    else:
        say(f"{state.id}: {request.action}, {state.state}")
        say(f"  asked for by {request.person}, {rfc3339(request.requested_at)}: {request.reason}")
        for name, value in {**request.plan, "stores": request.stores}.items():
            if value not in (None, False, []):
                say(f"  {name}: {_text(value)}")
        for name, value in request.about.items():
            if value is not None:
                say(f"  then {name}: {_text(value)}")  # what the requester saw; it decides nothing
        if request.plan.get("in_place"):
            say("  IN PLACE: what is there is overwritten, after a safety backup")
    for problem in state.problems:
        say(f"  problem: {problem}")


def changes_since(catalog: Catalog, desk: Desk, state: RequestState) -> tuple[list[str], str | None]:
    """What is otherwise now than when it was asked for, a sentence each; and why it cannot be approved, if so."""
    request, changes = state.request, []
    if request is None:
        return [], None
    if request.policy != desk.file.digest:
        changes.append(f"the policy is another now, {desk.file.digest[:16]}")
    if "manifest_sha256" not in request.plan:
        return changes, None
    backups = catalog.backups(database=str(request.plan.get("database")))
    wanted = (request.plan.get("backup_id"), request.plan.get("kind"))
    backup = next((each for each in backups if (each.name.id, each.name.kind.value) == wanted), None)
    if backup is None:
        gone = f"the backup {request.plan.get('backup_id')} is gone"
        return [*changes, gone], gone
    for name, value in {"verified": backup.verified, "wrong": backup.wrong}.items():
        if name in request.about and request.about[name] != value:
            changes.append(f"{name} is {_text(value)} now, and was {_text(request.about[name])}")
    newer = [each for each in backups if each.created_at > backup.created_at and not each.future]
    newer = [each for each in newer if not each.name.id.startswith(SAFETY_PREFIX)]
    if newer:
        changes.append(f"{len(newer)} newer backups of {backup.name.database} are there, the latest {newer[0].name.id}")
    replaced = _replaced(catalog, backup, str(request.plan["manifest_sha256"]))
    return [*changes, *([replaced] if replaced else [])], replaced


def _replaced(catalog: Catalog, backup: Backup, digest: str) -> str | None:
    try:
        _, raw = catalog.read_manifest(backup)
    except LitekeepError as error:
        return f"its manifest cannot be read: {error}"
    return None if sha256(raw).hexdigest() == digest else f"the manifest of {backup.name.id} was replaced since"


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


def _text(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return (
        "not known" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    )
