"""A drill, from the listing to the verdict: as on a machine that has the store and the key, and nothing else."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from shared.catalog.backup import Backup
from shared.catalog.checker import Checker
from shared.catalog.listing import LATEST, Catalog
from shared.catalog.opening import open_whole
from shared.catalog.verdicts import Opened
from shared.clock import Clock, is_future, utc_now
from shared.errors import KeyProblem, LitekeepError, NotGood, StoreError
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.lock_names import marks_prefix, parse_unchanged
from shared.model.names import BackupName
from shared.operations.drill.app_checks import AppCheck
from shared.operations.drill.attempt import Attempt, Role, Stopwatch, Task, attempt
from shared.operations.drill.choice import choose
from shared.operations.drill.drill import Drill
from shared.operations.drill.judge import findings, recovery_points, recovery_times
from shared.operations.drill.rehearsal import Ground, Location, Rehearsal
from shared.operations.drill.scenarios import rehearse
from shared.operations.drill.targets import Scenario
from shared.operations.verify.ladder import Verification
from shared.runtime.progress import Progress, silent
from shared.sqlitecloud.location import CloudLocation
from shared.stores import Store


@dataclass(frozen=True)
class DrillOrder:
    """What to hold drills with. `seed` decides which older backup is restored, and stands in the report.

    `scenarios` are played too; with `only_scenarios` nothing else is done. For these: `key_name` is what BACKUP_KEY
    says, `live` the database itself and `beside` a new one on its platform, where they are known.
    """

    catalog: Catalog
    copy: Catalog | None
    key: WrappingKey | None
    app_checks: Sequence[AppCheck]
    seed: int
    scenarios: Sequence[Scenario] = ()
    only_scenarios: bool = False
    key_name: str = "none"
    live: Callable[[str], Location | None] = lambda _database: None
    beside: Callable[[str], CloudLocation] | None = None


def hold_drill(
    order: DrillOrder,
    database: str,
    backups: Sequence[Backup],
    *,
    clock: Clock = utc_now,
    stopwatch: Stopwatch = time.monotonic,
    progress: Progress = silent,
) -> Drill:
    """Restores, checks and judges. `backups` are all of that database in the store.

    What is wrong with backups, places or the key is in the findings, never raised. A backup that turns out not to be
    good gets that verdict recorded beside it, as from a verification.
    """
    started = clock()
    choice = choose(Checker(lambda: order.key).settle(order.catalog, backups), order.seed)
    app_checks = [check for check in order.app_checks if check.database in (None, database)]
    attempts: list[Attempt] = []
    chosen = ((Role.LATEST, choice.latest), (Role.OLDER, choice.older), (Role.MOMENT, choice.at_moment))
    for role, backup in chosen:
        if backup is not None and not order.only_scenarios:
            moment = choice.moment if role is Role.MOMENT else None
            task = Task(role, order.catalog, backup, order.key, app_checks, moment)
            attempts.append(_held(task, clock, stopwatch, progress))
    if order.copy is not None and choice.latest is not None and not order.only_scenarios:
        attempts.append(_from_copy(order, order.copy, choice.latest, app_checks, clock, stopwatch, progress))
    rehearsals = _played(order, database, choice.latest, app_checks, started, stopwatch, progress)
    times = recovery_times(attempts, has_copy_store=order.copy is not None, rehearsals=rehearsals)
    points = recovery_points(backups, started, _unchanged(order.catalog.store, database, started))
    return Drill(
        database=database,
        started_at=started,
        finished_at=clock(),
        store=order.catalog.store.url,
        copy_store=order.copy.store.url if order.copy else None,
        seed=choice.seed,
        candidates=choice.candidates,
        attempts=attempts,
        times=times,
        points=points,
        findings=list(findings(database, attempts, times, points, rehearsals)),
        rehearsals=rehearsals,
    )


def _played(
    order: DrillOrder,
    database: str,
    verified: Backup | None,
    app_checks: list[AppCheck],
    started: datetime,
    stopwatch: Stopwatch,
    progress: Progress,
) -> list[Rehearsal]:
    """Each scenario that was asked for; that of a lost region only where there is a copy store."""
    wanted = [scenario for scenario in order.scenarios if order.copy or scenario is not Scenario.REGIONAL_OUTAGE]
    if not wanted:
        return []
    try:
        newest = order.catalog.find(LATEST, database, started)
    except LitekeepError as error:
        return [Rehearsal(scenario, error=str(error)) for scenario in wanted]
    ground = Ground(
        catalog=order.catalog,
        copy=order.copy,
        key=order.key,
        key_name=order.key_name,
        database=database,
        newest=newest,
        verified=verified,
        app_checks=app_checks,
        live=order.live(database),
        beside=order.beside,
        started=started,
        stopwatch=stopwatch,
        progress=progress,
    )
    return [rehearse(scenario, ground) for scenario in wanted]


def _unchanged(store: Store, database: str, now: datetime) -> dict[BackupName, datetime]:
    """When each point was last found to be all that there is; nothing where the store does not tell."""
    found: dict[BackupName, datetime] = {}
    with suppress(StoreError):
        for item in store.list_objects(marks_prefix(Kind.CONTINUOUS, database)):
            mark = parse_unchanged(item.name)
            if mark is not None and not is_future(mark.at, now):
                found[mark.backup] = max(mark.at, found.get(mark.backup, mark.at))
    return found


def _held(task: Task, clock: Clock, stopwatch: Stopwatch, progress: Progress) -> Attempt:
    found = attempt(task, stopwatch=stopwatch, progress=progress)
    if not found.not_good:
        return found
    now = clock()
    try:
        verdict = Verification(found.backup.id, found.checks, found.backup, now)
        task.catalog.record(found.backup, verdict, now, _opened(task))
    except (StoreError, KeyProblem) as error:
        return replace(found, error=f"the verdict on it could not be stored: {error}")
    return found


def _opened(task: Task) -> Opened | None:
    """The manifest, to seal the verdict with; None if it is the manifest itself that is not good."""
    try:
        return open_whole(task.catalog, task.backup, task.key)[1]
    except (NotGood, KeyProblem):
        return None


def _from_copy(
    order: DrillOrder,
    copy: Catalog,
    latest: Backup,
    app_checks: list[AppCheck],
    clock: Clock,
    stopwatch: Stopwatch,
    progress: Progress,
) -> Attempt:
    missing = Attempt(Role.COPY, latest.name, latest.created_at, copy.store.url)
    try:
        backups = copy.backups(latest.name.kind, latest.name.database)
    except StoreError as error:
        return replace(missing, error=str(error))
    same = next((backup for backup in backups if backup.name == latest.name), None)
    if same is None:
        return replace(missing, error="the copy store lacks it: back up with BACKUP_COPY_STORE set, or copy it there")
    return _held(Task(Role.COPY, copy, same, order.key, app_checks), clock, stopwatch, progress)
