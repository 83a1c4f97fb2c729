"""Backs up several databases in one run. A failed one does not stop the others."""

from dataclasses import dataclass, field, replace

from jobs.backup.one import Made, Skipped
from jobs.backup.slot import back_up_once
from shared.errors import LitekeepError
from shared.events.log import Event, EventLog, Field
from shared.operations.backup.options import BackupOptions
from shared.runtime.progress import Progress
from shared.schedule.fleet import find_fleet
from shared.settings import Settings
from shared.sqlitecloud.location import CloudLocation
from shared.terminal.endings import reason_of
from shared.terminal.parts import project_of


@dataclass(frozen=True)
class Failure:
    """A database without a new backup, and the reason."""

    database: str
    reason: str


@dataclass(frozen=True)
class FleetRun:
    """The result of a run. Databases in `left_out` are disabled on the node, backed up by another run, or unchanged."""

    made: list[Made] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[Failure] = field(default_factory=list)


def back_up_fleet(
    settings: Settings, options: BackupOptions, log: EventLog, *, prove: bool, progress: Progress
) -> FleetRun:
    """Backs up each database of BACKUP_DATABASES that is assigned to this task, the largest first.

    `options` apply to each database; the location in them is ignored. Raises LitekeepError only if the databases cannot
    be listed.
    """
    address = project_of(settings)
    wanted = settings.backup_databases or ()
    fleet = find_fleet(address, wanted, settings.cloud_run_task_index, settings.cloud_run_task_count)
    run = FleetRun()
    for name in fleet.disabled:
        message = f"{name} was not backed up: it is disabled on its node; name it in BACKUP_DATABASES to back it up"
        fields: dict[str, Field] = {"database": name, "kind": options.kind.value, "reason": "disabled"}
        log.emit(Event.BACKUP_SKIPPED, message, fields)
        run.left_out.append(Failure(name, "disabled"))
    for name in fleet.names:
        one = replace(options, location=CloudLocation(address, name))
        try:
            made = back_up_once(one, settings, log, prove=prove, progress=progress)
            if isinstance(made, Skipped):
                run.left_out.append(Failure(name, made.reason))
            else:
                run.made.append(made)
        except LitekeepError as error:
            run.failures.append(Failure(name, str(error)))
        except OSError as error:
            run.failures.append(Failure(name, error.strerror or type(error).__name__))
        except Exception as error:  # noqa: BLE001 - a defect with one database must not stop the others
            run.failures.append(Failure(name, reason_of(error)))
    return run
