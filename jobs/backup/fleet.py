"""Backups of several databases in one run: one that fails does not keep the others from theirs."""

from dataclasses import dataclass, field, replace

from jobs.backup.one import Made
from jobs.backup.slot import back_up_once
from shared.backup import BackupOrder
from shared.databases.location import CloudLocation
from shared.errors import LitekeepError
from shared.events import EventLog
from shared.fleet import find_fleet
from shared.progress import Progress
from shared.settings import Settings
from shared.terminal.parts import project_of


@dataclass(frozen=True)
class Failure:
    """A database without a new backup, and why."""

    database: str
    reason: str


@dataclass(frozen=True)
class FleetRun:
    """What came of a run. `left_out` cannot be used, as the node says, or are another run's."""

    made: list[Made] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[Failure] = field(default_factory=list)


def back_up_fleet(
    settings: Settings, order: BackupOrder, log: EventLog, *, prove: bool, progress: Progress
) -> FleetRun:
    """Takes a backup of each database of BACKUP_DATABASES that falls to this task, the largest first.

    `order` says all but the database. Raises LitekeepError only when the databases cannot be listed.
    """
    address = project_of(settings)
    wanted = settings.backup_databases or ()
    fleet = find_fleet(address, wanted, settings.cloud_run_task_index, settings.cloud_run_task_count)
    run = FleetRun(left_out=[Failure(name, why) for name, why in fleet.unusable.items()])
    for name in fleet.names:
        one = replace(order, location=CloudLocation(address, name))
        try:
            made = back_up_once(one, settings, log, prove=prove, progress=progress)
            if made is None:
                run.left_out.append(Failure(name, "slot taken"))
            else:
                run.made.append(made)
        except LitekeepError as error:
            run.failures.append(Failure(name, str(error)))
        except OSError as error:
            run.failures.append(Failure(name, error.strerror or type(error).__name__))
    return run
