"""Takes one backup per slot of a schedule, even if Cloud Run starts or retries the job several times."""

from contextlib import ExitStack, suppress
from datetime import datetime

from jobs.backup.one import Made, Skipped, back_up
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.clock import Clock, utc_now
from shared.errors import LitekeepError, StoreError
from shared.events.log import Event, EventLog, Field
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.model.schedules import SCHEDULED
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.unchanged import find_unchanged, mark_unchanged
from shared.operations.copy import copy_backups
from shared.runtime.progress import Progress
from shared.schedule.slots import Runner, claimed, slot_of
from shared.settings import Settings
from shared.terminal.endings import reported


def back_up_once(
    options: BackupOptions,
    settings: Settings,
    log: EventLog,
    *,
    prove: bool,
    progress: Progress,
    clock: Clock = utc_now,
) -> Made | Skipped:
    """Takes the backup. On Cloud Run, a scheduled kind is skipped if another run has claimed the slot.

    Backups with a name, or of a kind without a schedule, are always taken. Raises LitekeepError or OSError after the
    events are sent.
    """
    if options.name is not None or options.kind not in SCHEDULED:
        return back_up(options, settings, log, prove=prove, progress=progress)
    runner = _runner(settings)
    if runner is None:
        return _back_up_if_changed(options, settings, log, prove=prove, progress=progress, clock=clock)
    kind, database = options.kind, options.location.database
    fields: dict[str, Field] = {"database": database, "kind": kind.value}
    schedule = (settings.backup_schedules or {}).get(kind)
    with ExitStack() as stack:
        with reported(lambda why: log.emit(Event.BACKUP_FAILED, f"backup of {database} failed: {why}", fields)):
            slot = slot_of(kind, database, schedule, clock())
            is_claimed = stack.enter_context(
                claimed(options.store, slot, runner, lambda at: _is_backed_up(options, at), clock)
            )
        if is_claimed:
            return _back_up_if_changed(options, settings, log, prove=prove, progress=progress, clock=clock)
    why = f"another run has the {kind} slot of {slot.begins_at:%H:%M} UTC; use --kind on-demand to take one anyway"
    log.emit(Event.BACKUP_SKIPPED, f"{database} was not backed up: {why}", fields | {"reason": "slot taken"})
    return Skipped("slot taken")


def _back_up_if_changed(
    options: BackupOptions, settings: Settings, log: EventLog, *, prove: bool, progress: Progress, clock: Clock
) -> Made | Skipped:
    if options.kind is Kind.CONTINUOUS:
        from jobs.backup.point import back_up_point  # noqa: PLC0415 - other kinds need no chain

        return back_up_point(options, settings, log, prove=prove, progress=progress)
    newest = _unchanged(options, clock) if options.skip_unchanged else None
    if newest is None:
        return back_up(options, settings, log, prove=prove, progress=progress)
    fields: dict[str, Field] = {"database": newest.database, "kind": newest.kind.value, "backup_id": newest.id}
    message = f"{newest.database} was not backed up: nothing was written since {newest.id}"
    log.emit(Event.BACKUP_SKIPPED, message, fields | {"reason": "unchanged"})
    return Skipped("unchanged", newest.id)


def _unchanged(options: BackupOptions, clock: Clock) -> BackupName | None:
    """Returns the backup that already holds everything, or None if the store cannot say; the caller then takes one."""
    with suppress(LitekeepError):
        newest = find_unchanged(options, moment := clock())
        if newest is not None:
            mark_unchanged(options.store, newest, moment, options.key)
        return newest
    return None


def _is_backed_up(options: BackupOptions, since: datetime) -> bool:
    found = Catalog(options.store).backups(options.kind, options.location.database)
    own = [backup for backup in found if backup.created_at >= since and backup.good]
    return bool(own) and (options.copy_store is None or _is_copied(options, own))


def _is_copied(options: BackupOptions, own: list[Backup]) -> bool:
    """Copies the slot's backups that the copy store lacks. Returns whether it now holds them all."""
    assert options.copy_store is not None
    try:
        return not copy_backups(options.store, options.copy_store, own).failed
    except StoreError:
        return False


def _runner(settings: Settings) -> Runner | None:
    """Returns the task and attempt of this run; None outside Cloud Run, where no slot is claimed."""
    if settings.cloud_run_execution is None:
        return None
    attempt = settings.cloud_run_task_attempt or "0"
    return Runner(settings.cloud_run_execution, settings.cloud_run_task_index, int(attempt) if attempt.isdigit() else 0)
