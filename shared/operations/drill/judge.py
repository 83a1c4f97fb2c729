"""Judges the restores of a drill: recovery times and recovery points against their targets, and the findings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from shared.catalog.backup import Backup
from shared.model.names import BackupName
from shared.operations.drill.attempt import Attempt, Role
from shared.operations.drill.drill import RecoveryPoint, RecoveryTime
from shared.operations.drill.rehearsal import Rehearsal
from shared.operations.drill.targets import GRACE, RECOVERY_POINT, RECOVERY_TIME, Scenario
from shared.text import duration


def recovery_times(
    attempts: Sequence[Attempt], *, has_copy_store: bool, rehearsals: Sequence[Rehearsal] = ()
) -> list[RecoveryTime]:
    """Compares each scenario with its target. A failed recovery has no time and misses its target.

    A scenario that was played counts with its own time. If only scenarios were played, the others are left out.
    """
    played = {found.scenario: _played(found) for found in rehearsals}
    measured = _measured(attempts, has_copy_store=has_copy_store) if attempts or not rehearsals else []
    by_scenario = {time.scenario: time for time in measured} | played
    return [by_scenario[scenario] for scenario in Scenario if scenario in by_scenario]


def _played(found: Rehearsal) -> RecoveryTime:
    target = RECOVERY_TIME[found.scenario].total_seconds()
    met = found.ok and found.recovery_seconds is not None and found.recovery_seconds <= target
    return RecoveryTime(found.scenario, target, found.recovery_seconds, met, f"played: {found.target}")


def _measured(attempts: Sequence[Attempt], *, has_copy_store: bool) -> list[RecoveryTime]:
    by_role = {attempt.role: attempt for attempt in attempts}
    latest, older, copy = (by_role.get(role) for role in (Role.LATEST, Role.OLDER, Role.COPY))
    both = [latest, older] if older else [latest]
    return [
        _time(Scenario.MINOR_CORRUPTION, [latest], "the latest verified backup, to a checked database", app=False),
        _time(Scenario.INSTANCE_FAILURE, [latest], "the same, and the application's own checks", app=True),
        _time(
            Scenario.MAJOR_DISASTER,
            both,
            "that, and again with an older backup" if older else "the same: there is no older backup",
            app=True,
        ),
        _time(Scenario.REGIONAL_OUTAGE, [copy], "the latest verified backup, from the copy store", app=True)
        if has_copy_store
        else _not_measured(Scenario.REGIONAL_OUTAGE, "there is no copy store (BACKUP_COPY_STORE)"),
    ]


def recovery_points(
    backups: Sequence[Backup], now: datetime, unchanged: Mapping[BackupName, datetime] = MappingProxyType({})
) -> list[RecoveryPoint]:
    """Compares the age of the newest backup not known to be bad with its target, for each kind in the store.

    `unchanged` maps a backup to the time when the database was last found unchanged since it.
    """
    found = []
    for kind, target in RECOVERY_POINT.items():
        of_kind = [backup for backup in backups if backup.name.kind is kind]
        if not of_kind:
            continue
        usable = [backup for backup in of_kind if _is_usable(backup, now)]
        newest = max(usable or of_kind, key=lambda backup: backup.created_at)
        age = max(timedelta(0), now - max(newest.created_at, unchanged.get(newest.name, newest.created_at)))
        met = bool(usable) and age <= target + GRACE
        found.append(RecoveryPoint(kind, newest.name.id, target.total_seconds(), age.total_seconds(), met))
    return found


def findings(
    database: str,
    attempts: Sequence[Attempt],
    times: Sequence[RecoveryTime],
    points: Sequence[RecoveryPoint],
    rehearsals: Sequence[Rehearsal] = (),
) -> Iterator[str]:
    """Yields a sentence for each thing that needs attention."""
    if not rehearsals and not any(attempt.role is Role.LATEST for attempt in attempts):
        yield f"no verified backup of {database}: take one with litekeep backup --verify, or run litekeep verify --all"
    for attempt in attempts:
        yield from _of_attempt(attempt)
    for rehearsal in rehearsals:
        yield from _of_rehearsal(rehearsal)
    for time in times:
        if time.met is False and time.seconds is not None and time.seconds > time.target_seconds:
            yield f"{time.scenario}: recovery took {duration(time.seconds)}, target {duration(time.target_seconds)}"
        elif time.met is False:
            yield f"{time.scenario}: recovery did not succeed"
    for point in points:
        if not point.met:
            yield (
                f"{point.kind}: the newest backup, {point.backup_id}, is not usable or too old "
                f"({duration(point.age_seconds)}); the target is {duration(point.target_seconds)}"
            )


def _is_usable(backup: Backup, now: datetime) -> bool:
    return backup.good and backup.verified is not False and backup.created_at <= now + GRACE


def _of_attempt(attempt: Attempt) -> Iterator[str]:
    which = f"{attempt.role} backup {attempt.backup.id} in {attempt.store}"
    if attempt.error:
        yield f"{which} could not be restored: {attempt.error}"
    for check in attempt.checks:
        if not check.ok:
            yield f"{which} is not good ({check.name}): {check.detail}"
    for check in attempt.app_checks:
        if not check.ok:
            yield f"{which} was restored, but the application's check {check.name!r} did not pass: {check.detail}"


def _of_rehearsal(found: Rehearsal) -> Iterator[str]:
    which = f"{found.scenario}, from {found.backup.id if found.backup else 'no backup'}"
    if found.error:
        yield f"{which}: {found.error}"
    for check in found.checks:
        if not check.ok:
            yield f"{which}: not good ({check.name}): {check.detail}"
    for check in found.app_checks:
        if not check.ok:
            yield f"{which}: the application's check {check.name!r} did not pass: {check.detail}"


def _time(scenario: Scenario, attempts: Sequence[Attempt | None], note: str, *, app: bool) -> RecoveryTime:
    target = RECOVERY_TIME[scenario].total_seconds()
    seconds = 0.0
    succeeded = True
    for attempt in attempts:
        if attempt is None or attempt.recovery_seconds is None:
            return RecoveryTime(scenario, target, None, met=False, note=note)
        seconds += attempt.recovery_seconds + (attempt.app_seconds or 0.0 if app else 0.0)
        succeeded = succeeded and (attempt.ok if app else attempt.recovered)
    return RecoveryTime(scenario, target, seconds, succeeded and seconds <= target, note)


def _not_measured(scenario: Scenario, why: str) -> RecoveryTime:
    return RecoveryTime(scenario, RECOVERY_TIME[scenario].total_seconds(), None, None, why)
