"""Text output of drills."""

from collections.abc import Sequence

from shared.operations.drill.attempt import Attempt, Role
from shared.operations.drill.drill import Drill, Trend
from shared.operations.drill.history import PastDrill
from shared.operations.drill.rehearsal import Rehearsal
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, table
from shared.text import count, duration, moment

_SIGNS = {True: GOOD, False: BAD, None: UNKNOWN}


def say_drill(drill: Drill) -> None:
    """Prints the drill: verdict, times and ages with their targets, checks, and the location of its report."""
    say(f"{_SIGNS[drill.passed]} Restore drill of {drill.database} {'passed' if drill.passed else 'FAILED'}")
    for time in drill.times:
        took = "not measured" if time.seconds is None else duration(time.seconds)
        target = duration(time.target_seconds)
        say(f"    {_SIGNS[time.met]} {time.scenario.value:<17} {took:>12}  (target {target}): {time.note}")
    if drill.data_age_seconds is not None:
        say(f"    {UNKNOWN} the restored data was {duration(drill.data_age_seconds)} old")
    for point in drill.points:
        age, target = duration(point.age_seconds), duration(point.target_seconds)
        say(f"    {_SIGNS[point.met]} newest {point.kind.value:<10} {age:>12} old  (target {target})")
    for attempt in drill.attempts:
        _say_attempt(attempt)
    for rehearsal in drill.rehearsals:
        _say_rehearsal(rehearsal, drill.trends.get(rehearsal.scenario))
    for finding in drill.findings:
        say(f"{BAD} {finding}")
    if drill.reported:
        say(f"The report: {drill.store}/{drill.name.page}")


def say_list(drills: Sequence[PastDrill], store_url: str) -> None:
    """Prints past drills as a table."""
    if not drills:
        say(f"No drills in {store_url}. Run one: litekeep drill --now")
        return
    rows = [
        (
            _SIGNS[drill.name.passed],
            moment(drill.name.held_at),
            drill.name.database,
            "passed" if drill.name.passed else "FAILED",
            drill.backup_id or "",
            _seconds(drill.seconds.get(Role.LATEST)),
            _seconds(drill.seconds.get(Role.COPY)),
            _seconds(drill.data_age_seconds),
        )
        for drill in drills
    ]
    columns = ("", "held", "database", "verdict", "latest backup", "recovery", "from the copy", "age of the data")
    table(columns, rows, right=frozenset({5, 6, 7}), droppable=("database", "from the copy", "age of the data"))


def _say_attempt(attempt: Attempt) -> None:
    took = "" if attempt.recovery_seconds is None else f", back and checked in {duration(attempt.recovery_seconds)}"
    say(f"  {_SIGNS[attempt.ok]} {attempt.role.value} {attempt.backup.kind.value} backup {attempt.backup.id}{took}")
    for check in attempt.checks:
        say(f"      {_SIGNS[check.ok]} {check.name}: {check.detail}")
    for check in attempt.app_checks:
        say(f"      {_SIGNS[check.ok]} application: {check.name}: {check.detail}")


def _say_rehearsal(found: Rehearsal, trend: Trend | None) -> None:
    took = "" if found.recovery_seconds is None else f", recovered in {duration(found.recovery_seconds)}"
    before = "" if trend is None else f" (last time {duration(trend.previous_seconds)})"
    backup = f" from {found.backup.kind.value} backup {found.backup.id}" if found.backup else ""
    say(f"  {_SIGNS[found.ok]} {found.scenario.value}{backup}{took}{before}")
    for step in found.steps:
        say(f"      {step.name}: {duration(step.seconds)}")
    if found.lost_seconds is not None:
        rows = (
            "" if found.lost_rows is None else f", {count(found.lost_rows, 'row', separator=',')} of the live database"
        )
        say(f"      lost: the last {duration(found.lost_seconds)}{rows}")
    for check in found.checks:
        say(f"      {_SIGNS[check.ok]} {check.name}: {check.detail}")
    for check in found.app_checks:
        say(f"      {_SIGNS[check.ok]} application: {check.name}: {check.detail}")


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(value)
