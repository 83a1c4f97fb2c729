"""What `litekeep request restore` does: the plan in full, signed by whoever asks."""

from collections.abc import Mapping

from jobs.cleanup.main import cleanup_plan
from jobs.restore.run_native import cloud_source
from litekeep.deleting import delete_plan
from litekeep.rows_restore import rows_order_of
from shared.approvals.desk import Submitted
from shared.approvals.documents import Action, Value
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.clock import parse_time, rfc3339
from shared.errors import UsageError
from shared.events.log import Event
from shared.model.kinds import Kind
from shared.operations.restore.native_restore import NativeRestoreOptions, native_plan, plan_native
from shared.operations.restore.permitted import plan_of
from shared.operations.rows.permitted import rows_plan
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.approvals import desk_of, fields_of, signer_of
from shared.terminal.audit import audited
from shared.terminal.flags import RestoreFlags, RowsFlags
from shared.terminal.parts import event_log
from shared.terminal.policy import check_database
from shared.terminal.restore_order import order_of
from shared.terminal.screen import say, say_json

Plan = Mapping[str, Value]


def request_restore(settings: Settings, flags: RestoreFlags, reason: str, *, as_json: bool) -> int:
    """Asks for the restore that the flags say. Needs no key that opens backups, and touches no database."""
    if flags.native:
        plan, about = _native(settings, flags)
        return ask(settings, Action.NATIVE, plan, about, reason, as_json=as_json)
    order = order_of(settings, flags, with_key=False)
    manifest, raw = order.catalog.read_manifest(order.backup)
    about = about_backup(order.backup) | {"tables": manifest.tables, "rows": manifest.rows}
    return ask(settings, Action.RESTORE, plan_of(order, raw), about, reason, as_json=as_json)


def request_rows(settings: Settings, flags: RowsFlags, reason: str, *, as_json: bool) -> int:
    """Requests rows. The request holds the condition as it is, for whoever decides, and only the hash of keys."""
    order = rows_order_of(settings, flags, with_key=False)
    return ask(settings, Action.ROWS, rows_plan(order), about_backup(order.backup), reason, as_json=as_json)


def request_delete(
    settings: Settings, backup_id: str, database: str | None, reason: str, *, force: bool, as_json: bool
) -> int:
    """Asks for the deletion of one backup before its time."""
    store = open_store(settings.backup_store)
    backup = Catalog(store).find(backup_id, database)
    plan = delete_plan(store, backup.name, force=force)
    return ask(settings, Action.DELETE, plan, about_backup(backup), reason, as_json=as_json)


def request_cleanup(settings: Settings, database: str | None, reason: str, *, as_json: bool) -> int:
    """Asks for a cleanup by the rules of now, also where more than half would go."""
    return ask(settings, Action.CLEANUP, cleanup_plan(settings, database), {}, reason, as_json=as_json)


def about_backup(backup: Backup) -> dict[str, Value]:
    """What people want to know of a backup when they decide; nothing that is carried out depends on it."""
    return {"taken_at": rfc3339(backup.created_at), "verified": backup.verified, "wrong": backup.wrong}


def ask(settings: Settings, action: Action, plan: Plan, about: Plan, reason: str, *, as_json: bool) -> int:
    """Makes the request, tells it as an event, and shows how it goes on."""
    desk, signer = desk_of(settings), signer_of(settings)
    log = event_log(settings, result_on_stdout=as_json)
    target = str(plan.get("target") or settings.backup_store)
    with audited(log, settings, "request", target, reason=f"{action}: {reason}"):
        made = desk.request(signer, action, plan, about, reason)
    state = desk.state(made.id)
    if state.request is not None:
        told = f"{made.person} asks for {action} of {target}: {state.request.reason}"
        log.emit(Event.REQUEST_MADE, told, fields_of(state.request, made.person))
    if as_json:
        say_json(state.to_json())
    else:
        _say(made, action)
    return 0


def _native(settings: Settings, flags: RestoreFlags) -> tuple[dict[str, Value], dict[str, Value]]:
    if not flags.at or flags.to or flags.ref or flags.tables or flags.schema_only:
        raise UsageError("--native goes with --at TIME alone: it puts the whole database back where it is")
    target = cloud_source(settings, flags.database)
    check_database(settings, target.display, "--native")
    try:
        moment = parse_time(flags.at)
    except ValueError:
        raise UsageError(f"--at {flags.at!r} is no time: write 2024-01-15T12:00:00Z") from None
    order = NativeRestoreOptions(
        target=target,
        moment=moment,
        store=open_store(settings.backup_store),
        key=None,
        environment="",  # production is what the approval is for
        keep_safety_for=settings.retention_of(Kind.ON_DEMAND),
    )
    offered = plan_native(order)
    return native_plan(order), {"oldest": offered.oldest, "newest": offered.newest}


def _say(made: Submitted, action: Action) -> None:
    say(f"Requested {action}: {made.id}, as {made.person}")
    say("  within 24 hours another person runs:")
    say(f"    litekeep approve {made.id}")
    say("  and within 4 hours from then it holds once:")
    say(f"    litekeep {_COMMAND[action]} --request {made.id}")


_COMMAND = {
    Action.RESTORE: "restore",
    Action.NATIVE: "restore",
    Action.ROWS: "rows restore",
    Action.DELETE: "delete",
    Action.CLEANUP: "cleanup",
}
