"""A drill as a Markdown page, with tables and a plot.

Names come from stores and from the application. They are escaped, so that none becomes markup, a link or a line of its
own.
"""

from collections.abc import Iterable, Iterator, Sequence

from shared.operations.drill.attempt import Attempt, Role
from shared.operations.drill.drill import Drill
from shared.operations.drill.rehearsal import Rehearsal
from shared.operations.markdown import escape
from shared.text import count, duration
from shared.version import TOOL

_SIGNS = {True: "\u2705", False: "\u274c", None: "\N{EN DASH}"}


def to_markdown(drill: Drill) -> str:
    """Returns the page. It refers to the plot by its file name, in the same folder."""
    verdict = "passed" if drill.passed else "failed"
    took = duration((drill.finished_at - drill.started_at).total_seconds())
    held = f"Held {drill.started_at:%Y-%m-%d %H:%M:%S} UTC by {TOOL}, in {took}, "
    lines = [
        f"# Restore drill of {escape(drill.database)}: {_SIGNS[drill.passed]} {verdict}",
        "",
        f"{held}with nothing but the key and the store {escape(drill.store)}.",
        "",
    ]
    if drill.findings:
        lines += ["## Findings", "", *(f"- {escape(finding)}" for finding in drill.findings), ""]
    lines += ["## Recovery time", "", *_recovery_times(drill), ""]
    lines += [f"![Recovery time over past drills]({drill.name.plot.rsplit('/', 1)[-1]})", ""]
    lines += ["## Age of the data", "", *_recovery_points(drill), ""]
    if drill.attempts or not drill.rehearsals:
        lines += ["## Restored backups", "", *_restores(drill), ""]
    for attempt in drill.attempts:
        lines += [*_checks(attempt), ""]
    if drill.rehearsals:
        lines += ["## Scenarios", "", *_played(drill), ""]
    for rehearsal in drill.rehearsals:
        lines += [*_steps(rehearsal), ""]
    if drill.candidates:
        lines += [f"The older backup is one of {drill.candidates}, chosen by the seed {drill.seed}.", ""]
    return "\n".join(lines)


def _recovery_times(drill: Drill) -> Iterator[str]:
    rows = (
        (
            _SIGNS[time.met],
            time.scenario.value,
            "not measured" if time.seconds is None else duration(time.seconds),
            duration(time.target_seconds),
            escape(time.note),
        )
        for time in drill.times
    )
    return _table(("", "what has happened", "recovery took", "target", "measured"), rows, right={2, 3})


def _recovery_points(drill: Drill) -> Iterator[str]:
    rows = [
        (_SIGNS[point.met], point.kind.value, escape(point.backup_id), duration(point.age_seconds),
         duration(point.target_seconds))
        for point in drill.points
    ]  # fmt: skip
    if drill.data_age_seconds is not None:
        yield f"The restored data was {duration(drill.data_age_seconds)} old when the drill began."
        yield ""
    chosen = drill.attempt(Role.MOMENT)
    if chosen is not None and chosen.moment is not None and chosen.data_age_seconds is not None:
        yield (
            f"A restore as of {chosen.moment:%Y-%m-%d %H:%M:%S} UTC, a moment chosen by the seed, gave data that was "
            f"{duration(chosen.data_age_seconds)} older."
        )
        yield ""
    if rows:
        yield from _table(("", "kind", "newest backup", "its age", "target"), rows, right={3, 4})
    else:
        yield "The store holds no continuous, daily or weekly backup, so no target applies."


def _restores(drill: Drill) -> Iterator[str]:
    rows = [
        (
            _SIGNS[attempt.ok],
            attempt.role.value,
            escape(attempt.backup.id),
            attempt.backup.kind.value,
            f"{attempt.created_at:%Y-%m-%d %H:%M}",
            f"{attempt.size_bytes:,}",
            "" if attempt.rows is None else f"{attempt.rows:,}",
            _seconds(attempt.restore_seconds),
            _seconds(attempt.recovery_seconds),
            _seconds(attempt.app_seconds),
        )
        for attempt in drill.attempts
    ]
    if not rows:
        yield "Nothing."
        return
    columns = ("", "which", "backup", "kind", "taken (UTC)", "stored bytes", "rows", "restored in", "and checked in",
               "application's checks")  # fmt: skip
    yield from _table(columns, rows, right={5, 6, 7, 8, 9})


def _played(drill: Drill) -> Iterator[str]:
    """Returns a table of the scenarios: recovery time, times of past drills, and what was lost."""
    rows = []
    for found in drill.rehearsals:
        trend = drill.trends.get(found.scenario)
        lost = "" if found.lost_seconds is None else f"{duration(found.lost_seconds)} of changes"
        rows.append(
            (
                _SIGNS[found.ok],
                found.scenario.value,
                _seconds(found.recovery_seconds),
                "first time" if trend is None else duration(trend.previous_seconds),
                "" if trend is None else f"{duration(trend.median_seconds)} ({trend.drills})",
                lost + ("" if found.lost_rows is None else f", {count(found.lost_rows, 'row', separator=',')}"),
            )
        )
    columns = ("", "what has happened", "recovery took", "last time", "median of past drills", "lost")
    return _table(columns, rows, right={2, 3, 4})


def _steps(found: Rehearsal) -> Iterator[str]:
    backup = f"{escape(found.backup.id)} ({found.backup.kind})" if found.backup else "no backup"
    yield f"### {found.scenario.value}: {backup}"
    yield ""
    if found.target:
        yield f"Restored to {escape(found.target)}."
        yield ""
    for step in found.steps:
        yield f"1. {step.name}: {duration(step.seconds)}"
    if found.error:
        yield f"- {_SIGNS[False]} {escape(found.error)}"
    yield ""
    for check in found.checks:
        yield f"- {_SIGNS[check.ok]} {check.name}: {escape(check.detail)}"
    for check in found.app_checks:
        yield f"- {_SIGNS[check.ok]} the application's check *{escape(check.name)}*: {escape(check.detail)}"


def _checks(attempt: Attempt) -> Iterator[str]:
    yield f"### {attempt.role.value}: {escape(attempt.backup.id)}"
    yield ""
    if attempt.error:
        yield f"- {_SIGNS[False]} {escape(attempt.error)}"
    for check in attempt.checks:
        yield f"- {_SIGNS[check.ok]} {check.name}: {escape(check.detail)}"
    for check in attempt.app_checks:
        yield f"- {_SIGNS[check.ok]} the application's check *{escape(check.name)}*: {escape(check.detail)}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: set[int]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---:' if place in right else '---' for place in range(len(columns)))} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(value)
