"""One backup for each slot of a schedule, however often Cloud Run is told to start, or tries again."""

from contextlib import ExitStack
from datetime import datetime

from jobs.backup.one import Made, back_up
from shared.backup import BackupOrder
from shared.catalog import Catalog
from shared.clock import Clock, utc_now
from shared.events import Event, EventLog, Field
from shared.progress import Progress
from shared.schedules import SCHEDULED
from shared.settings import Settings
from shared.slots import Runner, claimed, slot_of
from shared.terminal.endings import reported


def back_up_once(
    order: BackupOrder,
    settings: Settings,
    log: EventLog,
    *,
    prove: bool,
    progress: Progress,
    clock: Clock = utc_now,
) -> Made | None:
    """Takes the backup; on Cloud Run one of a scheduled kind only if no other run has its slot, else None.

    What is named, or of a kind without a schedule, was asked for by someone, and is always taken.
    Raises LitekeepError or OSError, once the events are out.
    """
    runner = _runner(settings)
    if runner is None or order.name is not None or order.kind not in SCHEDULED:
        return back_up(order, settings, log, prove=prove, progress=progress)
    kind, database = order.kind, order.location.database
    fields: dict[str, Field] = {"database": database, "kind": kind.value}
    schedule = (settings.backup_schedules or {}).get(kind)
    with ExitStack() as stack:
        with reported(lambda why: log.emit(Event.BACKUP_FAILED, f"backup of {database} failed: {why}", fields)):
            slot = slot_of(kind, database, schedule, clock())
            mine = stack.enter_context(claimed(order.store, slot, runner, lambda at: _is_backed_up(order, at), clock))
        if mine:
            return back_up(order, settings, log, prove=prove, progress=progress)
    why = f"another run has the {kind} slot of {slot.begins_at:%H:%M} UTC; one of kind on-demand is always taken"
    log.emit(Event.BACKUP_SKIPPED, f"{database} was not backed up: {why}", fields | {"reason": "slot taken"})
    return None


def _is_backed_up(order: BackupOrder, since: datetime) -> bool:
    found = Catalog(order.store).backups(order.kind, order.location.database)
    return any(backup.created_at >= since and backup.damaged is None for backup in found)


def _runner(settings: Settings) -> Runner | None:
    """Which attempt of which task this is; None where nobody but a person starts a backup."""
    if settings.cloud_run_execution is None:
        return None
    attempt = settings.cloud_run_task_attempt or "0"
    return Runner(settings.cloud_run_execution, settings.cloud_run_task_index, int(attempt) if attempt.isdigit() else 0)
