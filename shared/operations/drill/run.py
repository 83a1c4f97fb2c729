"""Runs a drill, from the listing to the verdict, with only the store and the key."""

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
from shared.operations.drill.rehearsal import Location, Rehearsal, RehearsalContext
from shared.operations.drill.scenarios import rehearse
from shared.operations.drill.targets import Scenario
from shared.operations.verify.ladder import Verification
from shared.runtime.progress import Progress, silent
from shared.sqlitecloud.location import CloudLocation
from shared.stores import Store


@dataclass(frozen=True)
class DrillOptions:
    """Options of a drill. `seed` decides which older backup is restored; the report names it.

    `scenarios` are played in addition, or alone with `only_scenarios`. For them, `key_name` is the value of BACKUP_KEY,
    `live` returns the location of a database if known, and `new_location` that of a new one on the same platform.
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
    new_location: Callable[[str], CloudLocation] | None = None


def drill_database(
    options: DrillOptions,
    database: str,
    backups: Sequence[Backup],
    *,
    clock: Clock = utc_now,
    stopwatch: Stopwatch = time.monotonic,
    progress: Progress = silent,
) -> Drill:
    """Restore, check and judge. `backups` are all backups of the database in the store.

    Faults of backups, stores, the disk or the key become findings; they are not raised. If a backup turns out bad, the
    verdict is stored beside it, as after a verification.
    """
    started = clock()
    choice = choose(Checker(lambda: options.key).settle(options.catalog, backups), options.seed)
    app_checks = [check for check in options.app_checks if check.database in (None, database)]
    attempts: list[Attempt] = []
    chosen = ((Role.LATEST, choice.latest), (Role.OLDER, choice.older), (Role.MOMENT, choice.at_moment))
    for role, backup in chosen:
        if backup is not None and not options.only_scenarios:
            moment = choice.moment if role is Role.MOMENT else None
            task = Task(role, options.catalog, backup, options.key, app_checks, moment)
            attempts.append(_attempt_and_record(task, clock, stopwatch, progress))
    if options.copy is not None and choice.latest is not None and not options.only_scenarios:
        attempts.append(_from_copy(options, options.copy, choice.latest, app_checks, clock, stopwatch, progress))
    rehearsals = _played(options, database, choice.latest, app_checks, started, stopwatch, progress)
    times = recovery_times(attempts, has_copy_store=options.copy is not None, rehearsals=rehearsals)
    points = recovery_points(backups, started, _unchanged(options.catalog.store, database, started))
    return Drill(
        database=database,
        started_at=started,
        finished_at=clock(),
        store=options.catalog.store.url,
        copy_store=options.copy.store.url if options.copy else None,
        seed=choice.seed,
        candidates=choice.candidates,
        attempts=attempts,
        times=times,
        points=points,
        findings=list(findings(database, attempts, times, points, rehearsals)),
        rehearsals=rehearsals,
    )


def _played(
    options: DrillOptions,
    database: str,
    verified: Backup | None,
    app_checks: list[AppCheck],
    started: datetime,
    stopwatch: Stopwatch,
    progress: Progress,
) -> list[Rehearsal]:
    """Play the requested scenarios; a regional outage only if there is a copy store."""
    wanted = [scenario for scenario in options.scenarios if options.copy or scenario is not Scenario.REGIONAL_OUTAGE]
    if not wanted:
        return []
    try:
        newest = options.catalog.find(LATEST, database, started)
    except LitekeepError as error:
        return [Rehearsal(scenario, error=str(error)) for scenario in wanted]
    context = RehearsalContext(
        catalog=options.catalog,
        copy=options.copy,
        key=options.key,
        key_name=options.key_name,
        database=database,
        newest=newest,
        verified=verified,
        app_checks=app_checks,
        live=options.live(database),
        new_location=options.new_location,
        started=started,
        stopwatch=stopwatch,
        progress=progress,
    )
    return [rehearse(scenario, context) for scenario in wanted]


def _unchanged(store: Store, database: str, now: datetime) -> dict[BackupName, datetime]:
    """Returns when the database was last found unchanged since each point; nothing if the store cannot be read."""
    found: dict[BackupName, datetime] = {}
    with suppress(StoreError):
        for item in store.list_objects(marks_prefix(Kind.CONTINUOUS, database)):
            mark = parse_unchanged(item.name)
            if mark is not None and not is_future(mark.at, now):
                found[mark.backup] = max(mark.at, found.get(mark.backup, mark.at))
    return found


def _attempt_and_record(task: Task, clock: Clock, stopwatch: Stopwatch, progress: Progress) -> Attempt:
    found = attempt(task, stopwatch=stopwatch, progress=progress)
    if not found.not_good:
        return found
    now = clock()
    try:
        verdict = Verification(found.backup.id, found.checks, found.backup, now)
        task.catalog.record(found.backup, verdict, now, _opened(task))
    except (StoreError, KeyProblem) as error:
        return replace(found, error=f"its verdict could not be stored: {error}")
    return found


def _opened(task: Task) -> Opened | None:
    """Returns the manifest, which seals the verdict, or None if the manifest itself is bad."""
    try:
        return open_whole(task.catalog, task.backup, task.key)[1]
    except (NotGood, KeyProblem):
        return None


def _from_copy(
    options: DrillOptions,
    copy: Catalog,
    latest: Backup,
    app_checks: list[AppCheck],
    clock: Clock,
    stopwatch: Stopwatch,
    progress: Progress,
) -> Attempt:
    """Restores the same backup from the copy store. An error of that store is a result."""
    missing = Attempt(Role.COPY, latest.name, latest.created_at, copy.store.url)
    try:
        backups = copy.backups(latest.name.kind, latest.name.database)
    except StoreError as error:
        return replace(missing, error=str(error))
    same = next((backup for backup in backups if backup.name == latest.name), None)
    if same is None:
        return replace(missing, error="the copy store lacks it: back up with BACKUP_COPY_STORE set, or copy it there")
    return _attempt_and_record(Task(Role.COPY, copy, same, options.key, app_checks), clock, stopwatch, progress)
