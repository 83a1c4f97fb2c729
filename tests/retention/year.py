"""A year of backups with failures and nightly cleanups, and a page about the backups left.

`python -m tests.retention.year` writes docs/retention-year.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from shared.model.kinds import Kind, default_retention
from shared.model.names import BackupName, automatic_id
from shared.retention.plan import Candidate, RetentionPlan, RetentionPolicy, Rule
from shared.retention.rules import plan

PAGE = Path(__file__).parents[2] / "docs" / "retention-year.md"
POLICY = RetentionPolicy(default_retention("production"))
FIRST, LAST = date(2023, 12, 1), date(2024, 12, 31)
NO_BACKUPS = (date(2024, 8, 10), date(2024, 8, 20))  # the source was unreachable
NOT_GOOD = (date(2024, 10, 5), date(2024, 10, 9))  # verification failed: the artifacts were damaged in transit
NOT_VERIFIED = (date(2024, 4, 10), date(2024, 4, 20))  # the verify job was broken
NOT_GOOD_AT_THE_END = (date(2024, 12, 30), date(2024, 12, 31))
UNREADABLE = date(2024, 11, 20)
MILESTONES = (date(2023, 12, 15), date(2024, 1, 31), date(2024, 2, 29), date(2024, 6, 30))
HELD = "on-demand-2024-05-10"


@dataclass(frozen=True)
class Night:
    """One cleanup, at 02:00 UTC."""

    now: datetime
    plan: RetentionPlan


def nights() -> Iterator[Night]:
    """Yield the cleanup of each night, after the backups of the day; deleted backups are gone the next night."""
    stored: list[Candidate] = []
    for number in range((LAST - FIRST).days + 1):
        today = FIRST + timedelta(days=number)
        now = datetime(today.year, today.month, today.day, 2, tzinfo=UTC)
        stored += _taken(today - timedelta(days=1), after_midnight=False)
        stored += _taken(today, after_midnight=True)
        if today == NOT_VERIFIED[1] + timedelta(days=1):
            stored = [replace(each, verified=True) if each.verified is None else each for each in stored]
        tonight = Night(now, plan(stored, POLICY, now))
        yield tonight
        stored = [decision.backup for decision in tonight.plan.decisions if not decision.delete]


def _taken(day: date, *, after_midnight: bool) -> Iterator[Candidate]:
    """Yield the backups of a day: daily and weekly at midnight, others at 15:30."""
    if _within(day, NO_BACKUPS):
        return
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if after_midnight:
        yield _backup(Kind.DAILY, midnight)
        if day.weekday() == 6:
            yield _backup(Kind.WEEKLY, midnight + timedelta(seconds=1))
        return
    afternoon = midnight + timedelta(hours=15, minutes=30)
    if day.day == 10:
        yield _backup(Kind.ON_DEMAND, afternoon, f"on-demand-{day}")
    if day in MILESTONES:
        yield _backup(Kind.MILESTONE, afternoon, f"milestone-{day}")


def _backup(kind: Kind, taken: datetime, backup_id: str | None = None) -> Candidate:
    name = BackupName(kind, "shop", backup_id or automatic_id(taken))
    day = taken.date()
    verified: bool | None = True
    if _within(day, NOT_GOOD) or _within(day, NOT_GOOD_AT_THE_END):
        verified = False
    elif _within(day, NOT_VERIFIED):
        verified = None
    damaged = "its manifest cannot be read" if day == UNREADABLE and kind is Kind.DAILY else None
    held = "evidence for incident 42" if name.id == HELD else None
    promised = taken + POLICY.lengths[kind]
    return Candidate(name, taken, promised, verified=verified, damaged=damaged, held=held)


def _within(day: date, span: tuple[date, date]) -> bool:
    return span[0] <= day <= span[1]


def page() -> str:
    """Return the page: the backups left after the year with reasons, and the nights without deletions."""
    year = list(nights())
    lines = [
        "# A year of retention",
        "",
        "This page shows which backups `litekeep cleanup` keeps over a year in which some things fail.",
        "`python -m tests.retention.year` writes it. A test checks that it is up to date, and compares the backups",
        "left with a list made by hand.",
        "",
        "A production database has a daily backup at 00:00, a weekly one on Sundays, one on demand on the 10th of",
        "each month and four milestones, from 2023-12-01 to 2024-12-31. `litekeep cleanup` runs at 02:00 UTC.",
        "During the year this happens:",
        "",
        "| when | what |",
        "| --- | --- |",
        f"| {_span(NOT_VERIFIED)} | verification did not run; it caught up the day after |",
        f"| {_span(NO_BACKUPS)} | no backups (cleanup still deleted old ones, because newer verified ones existed) |",
        f"| {_span(NOT_GOOD)} | every backup failed its verification |",
        f"| {UNREADABLE} | the manifest of the daily backup was damaged |",
        f"| {_span(NOT_GOOD_AT_THE_END)} | every backup failed its verification |",
        f"| all year | `{HELD}` is held as evidence |",
        "",
        "## Backups left on 2024-12-31, 02:00",
        "",
        "| id | kind | age | verified | kept because |",
        "| --- | --- | --- | --- | --- |",
        *_rows(year[-1]),
        "",
        "## Nights on which cleanup kept backups past their retention",
        "",
        "This table leaves out held and unreadable backups. It has the message of `litekeep cleanup`.",
        "",
        "| nights | backups kept, at most | message on the last night |",
        "| --- | --- | --- |",
        *_waits(year),
        "",
        "## Deletions over the year",
        "",
        "| kind | taken | deleted | left |",
        "| --- | --- | --- | --- |",
        *_counts(year),
    ]
    return "\n".join(lines) + "\n"


def _rows(night: Night) -> Iterator[str]:
    for decision in night.plan.decisions:
        backup = decision.backup
        age = (night.now - backup.created_at).days
        verified = {True: "yes", False: "no", None: "not yet"}[backup.verified]
        yield f"| {backup.name.id} | {backup.name.kind} | {age} d | {verified} | {decision.reason} |"


def _waits(year: list[Night]) -> Iterator[str]:
    waiting = (Rule.FAILING, Rule.UNPROVEN, Rule.STALE, Rule.TOO_MANY, Rule.LAST_GOOD, Rule.NEWEST_VERIFIED)
    run: list[tuple[Night, list[str]]] = []
    for night in [*year, None]:
        reasons = [d.reason for d in night.plan.decisions if d.rule in waiting] if night else []
        if night and reasons:
            run.append((night, reasons))
        elif run:
            most = max(len(reasons) for _, reasons in run)
            yield f"| {run[0][0].now:%Y-%m-%d} to {run[-1][0].now:%Y-%m-%d} | {most} | {run[-1][1][0]} |"
            run = []


def _counts(year: list[Night]) -> Iterator[str]:
    for kind in Kind:
        deleted = sum(d.delete for night in year for d in night.plan.decisions if d.backup.name.kind is kind)
        left = sum(not d.delete for d in year[-1].plan.decisions if d.backup.name.kind is kind)
        if deleted or left:
            yield f"| {kind} | {deleted + left} | {deleted} | {left} |"


def _span(days: tuple[date, date]) -> str:
    return f"{days[0]} to {days[1]}"


if __name__ == "__main__":
    PAGE.write_text(page())
