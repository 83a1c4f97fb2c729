"""A native restore: SQLite Cloud restores the database to a moment, after a safety backup."""

from dataclasses import asdict, replace
from datetime import datetime

from jobs.restore.approved import check_restore_alone
from shared.approvals.desk import Permit
from shared.clock import parse_time
from shared.databases.location import on_cloud
from shared.errors import UsageError
from shared.events.log import Event
from shared.model.kinds import Kind
from shared.operations.restore.native_restore import NativePlan, NativeRestoreOptions, plan_native, restore_native
from shared.operations.restore.options import Restored
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.names import check_name
from shared.stores import open_store
from shared.terminal.approvals import emit_break_glass
from shared.terminal.audit import audited
from shared.terminal.flags import RestoreFlags, given_flags
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, key_of, source_of
from shared.terminal.policy import check_database
from shared.terminal.screen import say, say_json
from shared.text import count

_ELSEWHERE = ("ref", "to", "prove", "schema_only", "tables", "upload_replace")


def run_native(flags: RestoreFlags, permit: Permit | None = None, *, as_json: bool, progress: Progress) -> int:
    """Implements `litekeep restore --native` and `litekeep native restore`. Raises UsageError for flags that clash."""
    if any(name in _ELSEWHERE for name in given_flags(flags)):
        raise UsageError(
            "--native restores the whole database in place, and verifies it by a download: leave out --backup, --to, "
            "--verify, --schema-only, --table and --upload-replace"
        )
    if not flags.at:
        raise UsageError("--at TIME is missing: a native restore goes back to a moment, see litekeep native list")
    settings = settings_with(backup_store=flags.store)
    target = cloud_source(settings, flags.database)
    check_database(settings, target.display, "--native")
    options = NativeRestoreOptions(
        target=target,
        moment=_time(flags.at),
        store=open_store(settings.backup_store),
        key=None,
        environment=settings.environment.value,
        keep_safety_for=settings.retention_of(Kind.ON_DEMAND),
        permit=permit,
    )
    if flags.dry_run:
        _say_plan(plan_native(options), as_json=as_json)
        return 0
    done = _restored(options, settings, progress, as_json=as_json)
    if as_json:
        say_json(asdict(done) | {"duration_seconds": round(done.duration_seconds, 3)})
    elif not events_own_stdout(settings):
        _say(done)
    return 0


def cloud_source(settings: Settings, database: str | None) -> CloudLocation:
    """Returns DATABASE_URL or another database of its project. Raises UsageError if it is not on SQLite Cloud."""
    found = on_cloud(source_of(settings))
    if found is None:
        raise UsageError(
            "native backups are SQLite Cloud's, and DATABASE_URL names a file: set it to sqlitecloud://HOST/NAME?apikey=…"
        )
    return found if database is None else found.named(check_name(database))


def _restored(options: NativeRestoreOptions, settings: Settings, progress: Progress, *, as_json: bool) -> Restored:
    log = event_log(settings, result_on_stdout=as_json)
    target = options.target.display
    named = {"database": options.target.database, "backup_id": options.id, "kind": "native"}
    with audited(log, settings, "restore", target, **named) as operation:
        operation.about = named | {"target": target}
        if options.permit is None:
            check_restore_alone(settings, target, in_place=True)
        emit_break_glass(log, options.permit, target)
        operation.emit(Event.RESTORE_STARTED, f"putting {target} back, {options.id}")
        with operation.step(Event.RESTORE_FAILED, f"{options.id} failed"):
            plan_native(options)  # fails before a key file is created
            done = restore_native(replace(options, key=key_of(settings, may_create=True)), progress=progress)
        figures = {"rows": done.rows, "duration_seconds": round(done.duration_seconds, 3)}
        operation.emit(Event.RESTORE_SUCCEEDED, f"put {target} back, {options.id}", figures)
    return done


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        raise UsageError(f"--at {text!r} is not a time: write 2024-01-15T12:00:00Z") from None


def _say(done: Restored) -> None:
    content = f"{count(done.tables, 'table')}, {count(done.rows, 'row')}"
    say(f"Put {done.target} back: {content}, {done.duration_seconds:.1f} s")
    say(f"  {done.id}, proven by a download")
    say(f"  what was there before: {done.safety}")
    for note in done.notes:
        say(f"  note: {note}")


def _say_plan(plan: NativePlan, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(plan) | {"replaces": True, "dry_run": True})
        return
    say(f"Would put {plan.target} back to {plan.at}, over what is there, after a safety backup")
    say(f"  on offer: {plan.oldest} to {plan.newest}")
    for note in plan.notes:
        say(f"  note: {note}")
    say("Nothing was written.")
