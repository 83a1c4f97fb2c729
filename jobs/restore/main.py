"""The restore job: restores a backup, emits its events, and prints the result."""

from dataclasses import asdict, replace
from typing import Any

from jobs.restore.approved import check_restore_alone, flags_of_request
from jobs.restore.fallback import restore_or_suggest
from shared.events.log import Event, Field
from shared.operations.restore.options import Restored, RestoreOptions
from shared.operations.restore.run import plan_restore
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.terminal.approvals import emit_break_glass
from shared.terminal.audit import audited
from shared.terminal.erasures import emit_erasures
from shared.terminal.flags import RestoreFlags
from shared.terminal.options import settings_with
from shared.terminal.parts import (
    event_log,
    events_own_stdout,
)
from shared.terminal.restore_options import moment_of, restore_options
from shared.terminal.screen import say, say_json
from shared.text import count, size


def run_restore(flags: RestoreFlags, *, as_json: bool, progress: Progress) -> int:
    """Restores a backup by the flags; with --dry-run only shows the plan. Returns the exit code."""
    settings, permit = settings_with(backup_store=flags.store), None
    if flags.check:
        from jobs.restore.check import run_check  # noqa: PLC0415 - only for --check

        return run_check(settings, flags, as_json=as_json)
    if flags.request:
        flags, permit = flags_of_request(settings, flags)
    if flags.native:
        from jobs.restore.run_native import run_native  # noqa: PLC0415 - files need no driver

        return run_native(flags, permit, as_json=as_json, progress=progress)
    options = replace(restore_options(settings, flags), permit=permit)
    if flags.dry_run:
        _check_alone(settings, options, dry_run=True)
        _say_plan(options, as_json=as_json)
        return 0
    log = event_log(settings, result_on_stdout=as_json)
    name, target = options.backup.name, options.target.display
    named = {"database": name.database, "backup_id": name.id, "kind": name.kind.value}
    with audited(log, settings, "restore", target, **named) as operation:
        operation.about = named | {"target": target}
        _check_alone(settings, options)
        emit_break_glass(log, permit, target)
        operation.emit(Event.RESTORE_STARTED, f"restoring {name.id} to {target}")
        with operation.step(Event.RESTORE_FAILED, f"restore of {name.id} failed"):
            done = restore_or_suggest(options, flags, moment_of(flags.at), progress)
        operation.backup_id = done.id
        emit_erasures(log, name, done.id, target, done.erased)
        figures: dict[str, Field] = {
            "backup_id": done.id,
            "rows": done.rows,
            "duration_seconds": round(done.duration_seconds, 3),
        }
        operation.emit(Event.RESTORE_SUCCEEDED, f"restored {done.id} to {target}", figures)
    if as_json:
        say_json(_to_json(done))
    elif not events_own_stdout(settings):
        _say(done)
    return 0


def _check_alone(settings: Settings, options: RestoreOptions, *, dry_run: bool = False) -> None:
    if options.permit is None:
        check_restore_alone(settings, options.target.display, in_place=options.in_place, dry_run=dry_run)


def _to_json(done: Restored) -> dict[str, Any]:
    return asdict(done) | {"duration_seconds": round(done.duration_seconds, 3)}


def _say(done: Restored) -> None:
    say(f"Restored {done.id}: {count(done.tables, 'table')}, {count(done.rows, 'row')}, {done.duration_seconds:.1f} s")
    say(f"  to   {done.target}")
    say(f"  from {done.artifact}")
    for line in _proof(done):
        say(f"  {line}")
    if done.safety:
        say(f"  what was there before: {done.safety}")
    for note in done.notes:
        say(f"  note: {note}")
    for line in done.migrations.lines if done.migrations else []:
        say(f"  {line}")


def _proof(done: Restored) -> list[str]:
    """Returns the lines on how the result was verified; none without --verify."""
    if done.proof is None:
        return []
    before = ", before the erasures were replayed" if done.erased else ""
    if done.proof.by == "full":
        return [f"proven in full, just now{before}"]
    return [
        f"proven by identity: its SHA-256, read back from the disk{before}, is that of the page image",
        f"which passed the full proof at {done.proof.verified_at}; --verify=full proves it again",
    ]


def _say_plan(options: RestoreOptions, *, as_json: bool) -> None:
    plan = plan_restore(options)
    if as_json:
        say_json(asdict(plan) | {"dry_run": True})
        return
    say(f"Would restore {plan.id}, taken {plan.created_at}: {count(plan.tables, 'table')}, {count(plan.rows, 'row')}")
    say(f"  from {plan.artifact} ({size(plan.bytes_to_read)})")
    how = "over what is there, after a safety backup" if plan.replaces else "a new database"
    say(f"  to   {plan.target}, {how}")
    say("Nothing was written.")
