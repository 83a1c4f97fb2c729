"""Implements `litekeep request`: makes a signed request with the full plan of the operation."""

from collections.abc import Mapping

from jobs.cleanup.main import cleanup_plan
from jobs.restore.run_native import cloud_source
from litekeep.deleting import delete_plan
from litekeep.rows_restore import rows_options
from shared.approvals.actions import Action, Value
from shared.approvals.desk import Submitted
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
from shared.terminal.flags import RestoreFlags
from shared.terminal.more_flags import RowsFlags
from shared.terminal.parts import event_log
from shared.terminal.policy import check_database
from shared.terminal.restore_options import restore_options
from shared.terminal.screen import say, say_json

Plan = Mapping[str, Value]


def request_restore(settings: Settings, flags: RestoreFlags, reason: str, *, as_json: bool) -> int:
    """Requests a restore. Needs no key that opens backups, and changes no database."""
    if flags.native:
        plan, about = _native(settings, flags)
        return ask(settings, Action.NATIVE, plan, about, reason, as_json=as_json)
    options = restore_options(settings, flags, with_key=False)
    manifest, raw = options.catalog.read_manifest(options.backup)
    about = about_backup(options.backup) | {"tables": manifest.tables, "rows": manifest.rows}
    return ask(settings, Action.RESTORE, plan_of(options, raw), about, reason, as_json=as_json)


def request_rows(settings: Settings, flags: RowsFlags, reason: str, *, as_json: bool) -> int:
    """Requests rows. The request holds the text of --where, which the approver reads, and only a hash of the keys."""
    options = rows_options(settings, flags, with_key=False)
    return ask(settings, Action.ROWS, rows_plan(options), about_backup(options.backup), reason, as_json=as_json)


def request_delete(
    settings: Settings, backup_id: str, database: str | None, reason: str, *, force: bool, as_json: bool
) -> int:
    """Requests the deletion of one backup before its retention ends."""
    store = open_store(settings.backup_store)
    backup = Catalog(store).find(backup_id, database)
    plan = delete_plan(store, backup.name, force=force)
    return ask(settings, Action.DELETE, plan, about_backup(backup), reason, as_json=as_json)


def request_cleanup(settings: Settings, database: str | None, reason: str, *, as_json: bool) -> int:
    """Requests a forced cleanup by the current rules, even if it deletes more than half of the backups."""
    return ask(settings, Action.CLEANUP, cleanup_plan(settings, database), {}, reason, as_json=as_json)


def about_backup(backup: Backup) -> dict[str, Value]:
    """Returns what the approver reads about a backup. It has no effect on what is carried out."""
    return {"taken_at": rfc3339(backup.created_at), "verified": backup.verified, "wrong": backup.wrong}


def ask(settings: Settings, action: Action, plan: Plan, about: Plan, reason: str, *, as_json: bool) -> int:
    """Makes the request, emits its event, and shows the next steps. Returns 0."""
    desk, signer = desk_of(settings), signer_of(settings)
    log = event_log(settings, result_on_stdout=as_json)
    target = str(plan.get("target") or settings.backup_store)
    with audited(log, settings, "request", target, reason=f"{action}: {reason}") as operation:
        made = desk.request(signer, action, plan, about, reason)
        operation.person = made.person
    state = desk.state(made.id)
    if state.request is not None:
        message = f"{made.person} asks for {action} of {target}: {state.request.reason}"
        log.emit(Event.REQUEST_MADE, message, fields_of(state.request, made.person))
    if as_json:
        say_json(state.to_json())
    else:
        _say(made, action)
    return 0


def _native(settings: Settings, flags: RestoreFlags) -> tuple[dict[str, Value], dict[str, Value]]:
    if not flags.at or flags.to or flags.ref or flags.tables or flags.schema_only:
        raise UsageError("--native takes only --at TIME: it restores the whole database in place")
    target = cloud_source(settings, flags.database)
    check_database(settings, target.display, "--native")
    try:
        moment = parse_time(flags.at)
    except ValueError:
        raise UsageError(f"--at {flags.at!r} is not a time: write 2024-01-15T12:00:00Z") from None
    options = NativeRestoreOptions(
        target=target,
        moment=moment,
        store=open_store(settings.backup_store),
        key=None,
        environment="",  # not production, where native restores without an approval are refused
        keep_safety_for=settings.retention_of(Kind.ON_DEMAND),
    )
    offered = plan_native(options)
    return native_plan(options), {"oldest": offered.oldest, "newest": offered.newest}


def _say(made: Submitted, action: Action) -> None:
    say(f"Requested {action}: {made.id}, as {made.person}")
    say("  within 24 hours another person runs:")
    say(f"    litekeep approve {made.id}")
    say("  and within 4 hours from then you run, once:")
    say(f"    litekeep {_COMMAND[action]} --request {made.id}")


_COMMAND = {
    Action.RESTORE: "restore",
    Action.NATIVE: "restore",
    Action.ROWS: "rows restore",
    Action.DELETE: "delete",
    Action.CLEANUP: "cleanup",
}
