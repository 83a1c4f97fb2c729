"""Judges a listing: pure functions of (listing, schedules, now) that return findings.

A backup dated in the future is reported and otherwise ignored, so that it cannot hide that others are missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from shared.clock import latest_known
from shared.events.log import Event, Field
from shared.model.kinds import Kind
from shared.model.promises import DRILLED_WITHIN, VERIFIED_WITHIN
from shared.model.schedules import DEFAULT_SCHEDULES, Schedule
from shared.monitor.changes import changes
from shared.monitor.finding import Finding
from shared.monitor.listing import Listing, ObservedBackup, present
from shared.text import count, span

Schedules = Mapping[Kind, Schedule]

_COPIED_WITHIN = timedelta(hours=1)


def judge(listing: Listing, schedules: Schedules | None, now: datetime) -> list[Finding]:
    """Returns everything that needs attention, errors first. `schedules` is None if BACKUP_SCHEDULES is not set."""
    found = list(listing.problems)
    for database in sorted(listing.databases):
        found += _judge_one(database, listing, schedules, now)
    return sorted(found, key=lambda finding: not finding.is_error)


def ages(listing: Listing, now: datetime) -> list[Finding]:
    """Returns the age of the newest good backup of each kind and database, as measurements rather than alerts."""
    return [
        Finding(
            Event.MONITOR_AGE,
            f"the newest {kind} backup of {database} is {span(seen.age(now))} old",
            _about(seen) | {"age_seconds": seen.age(now).total_seconds()},
        )
        for database, own in sorted(listing.databases.items())
        for kind, seen in _newest_good(present(own, now)).items()
    ]


def in_force(schedules: Schedules | None, own: Sequence[ObservedBackup]) -> Schedules:
    """Returns the schedules that apply to a database with these backups.

    Without BACKUP_SCHEDULES, the defaults of the kinds that it has backups of apply. The daily schedule applies to a
    database without backups.
    """
    if schedules is not None:
        return schedules
    kinds = {seen.kind for seen in own} if own else {Kind.DAILY}
    return {kind: schedule for kind, schedule in DEFAULT_SCHEDULES.items() if kind in kinds}


def _judge_one(database: str, listing: Listing, schedules: Schedules | None, now: datetime) -> Iterator[Finding]:
    own = listing.databases[database]
    here = present(own, now)
    yield from _stale(database, here, in_force(schedules, own), now)
    yield from _not_good(own)
    yield from _future(own, now)
    yield from _not_sealed(own)
    yield from _unopened(own)
    yield from _unverified(here, now)
    yield from _source_damaged(here)
    yield from changes(here)
    yield from _copy_behind(database, here, listing.copy_url, now)
    yield from _drill_overdue(database, here, listing.last_drill(database, now), now)


def _stale(database: str, here: Sequence[ObservedBackup], schedules: Schedules, now: datetime) -> Iterator[Finding]:
    newest = _newest_good(here)
    for kind, schedule in schedules.items():
        allowed, seen = schedule.allowed_age(now), newest.get(kind)
        fields: dict[str, Field] = {"database": database, "kind": kind, "allowed_seconds": allowed.total_seconds()}
        remedy = f"take one with litekeep backup --kind {kind}, and see why its schedule did not"
        if seen is None and here and schedule.last_due(now) < here[-1].created_at:
            continue  # the first slot after the first backup of the database is not due yet
        if seen is None:
            yield Finding(Event.MONITOR_STALE, f"there is no good {kind} backup of {database}: {remedy}", fields)
        elif seen.behind(now) > allowed:
            yield Finding(
                Event.MONITOR_STALE,
                f"the newest good {kind} backup of {database} is {span(seen.age(now))} old, over {span(allowed)}: "
                + remedy,
                fields | {"age_seconds": seen.age(now).total_seconds(), "backup_id": seen.name.id},
            )


def _not_good(own: Sequence[ObservedBackup]) -> Iterator[Finding]:
    wrong = [seen for seen in own if seen.wrong is not None and seen.unopened is None]
    points = [seen for seen in wrong if seen.kind is Kind.CONTINUOUS]  # one damaged object affects many points
    for seen in wrong:
        if seen.kind is Kind.CONTINUOUS and seen is not points[0]:
            continue
        others = (
            f" (and {count(len(points) - 1, 'more point')})" if seen.kind is Kind.CONTINUOUS and len(points) > 1 else ""
        )
        yield Finding(
            Event.MONITOR_NOT_GOOD,
            f"{seen.name.id} of {seen.name.database}{others} is not good: {seen.wrong}; take another one, keep it for "
            "the cause",
            _about(seen),
        )


def _not_sealed(own: Sequence[ObservedBackup]) -> Iterator[Finding]:
    """Yields one finding for all invalid verdicts of a database, and one for all invalid marks."""
    for what, doubted in (
        ("a verdict", [(seen, seen.doubt) for seen in own if seen.doubt is not None]),
        ("an unchanged mark", [(s, s.mark_doubt) for s in own if s.mark_doubt is not None]),
    ):
        if not doubted:
            continue
        seen, doubt = doubted[0]
        others = f", and {len(doubted) - 1} more" if len(doubted) > 1 else ""
        yield Finding(
            Event.MONITOR_NOT_SEALED,
            f"{what} on {seen.name.id} of {seen.name.database} counts for nothing, {doubt}{others}: find out who "
            "writes to this store, then run litekeep verify --all --again",
            _about(seen),
        )


def _unopened(own: Sequence[ObservedBackup]) -> Iterator[Finding]:
    """Yields one finding for all backups of a database that the configured key does not open."""
    found = [seen for seen in own if seen.unopened is not None]
    if found:
        others = f" (and {len(found) - 1} more of it)" if len(found) > 1 else ""
        yield Finding(
            Event.MONITOR_KEY_AT_RISK,
            f"{found[0].name.id}{others} of {found[0].name.database} cannot be opened with BACKUP_KEY: "
            f"{found[0].unopened}",
            _about(found[0]),
        )


def _future(own: Sequence[ObservedBackup], now: datetime) -> Iterator[Finding]:
    last = latest_known(now)
    for seen in (each for each in own if each.created_at > last):
        ahead = seen.created_at - now
        yield Finding(
            Event.MONITOR_FUTURE,
            f"{seen.name.id} of {seen.name.database} is dated {span(ahead)} ahead: set the clock that is wrong, "
            "this machine's or that of the machine that took it",
            _about(seen) | {"age_seconds": -ahead.total_seconds()},
        )


def _unverified(here: Sequence[ObservedBackup], now: datetime) -> Iterator[Finding]:
    waiting: dict[Kind, list[ObservedBackup]] = {}
    # Only the newest point is verified every hour, together with those that it needs.
    proven = [seen.verified_at for seen in here if seen.kind is Kind.CONTINUOUS and seen.verified]
    points_are_proven = any(at is not None and now - at <= VERIFIED_WITHIN for at in proven)
    for seen in here:
        if seen.verified is not None or seen.damaged is not None or now - seen.created_at <= VERIFIED_WITHIN:
            continue
        if not (seen.kind is Kind.CONTINUOUS and points_are_proven):
            waiting.setdefault(seen.kind, []).append(seen)
    for kind, found in waiting.items():
        oldest = found[-1]
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield Finding(
            Event.MONITOR_UNVERIFIED,
            f"{oldest.name.id}{others}, {kind} of {oldest.name.database}, not verified within a day: "
            "run litekeep verify --all",
            _about(oldest) | {"age_seconds": oldest.age(now).total_seconds()},
        )


def _source_damaged(here: Sequence[ObservedBackup]) -> Iterator[Finding]:
    """Reports damage of the database found by the newest verification. Older damage may have been repaired since."""
    newest = next((seen for seen in here if seen.verified), None)
    if newest is not None and newest.source_damage is not None:
        yield Finding(
            Event.SOURCE_DAMAGED,
            f"{newest.name.database} itself is damaged; {newest.name.id} is a faithful backup of it: "
            + newest.source_damage,
            _about(newest),
        )


def _copy_behind(database: str, here: Sequence[ObservedBackup], url: str | None, now: datetime) -> Iterator[Finding]:
    missing = [seen for seen in here if seen.in_copy is False and seen.damaged is None]
    missing = [seen for seen in missing if seen.age(now) > _COPIED_WITHIN]
    if missing:
        fields: dict[str, Field] = {"missing": len(missing), "store": url}
        yield Finding(
            Event.MONITOR_COPY_BEHIND,
            f"the copy store {url} lacks {count(len(missing), 'backup')} of {database}, "
            f"the newest {missing[0].name.id}: run litekeep copy, and see why the backup did not",
            _about(missing[0]) | fields,
        )


def _drill_overdue(
    database: str, here: Sequence[ObservedBackup], last: datetime | None, now: datetime
) -> Iterator[Finding]:
    if not here:
        return
    remedy = "run one with litekeep drill --now"
    if last is not None:
        age = now - last
        if age > DRILLED_WITHIN:
            message = f"the last good restore drill of {database} was {span(age)} ago, over 35 d: {remedy}"
            fields: dict[str, Field] = {"database": database, "age_seconds": age.total_seconds()}
            yield Finding(Event.MONITOR_DRILL_OVERDUE, message, fields)
    elif here[-1].age(now) > _first_drill_within(here):
        message = f"no restore drill of {database} was ever good: {remedy}"
        yield Finding(Event.MONITOR_DRILL_OVERDUE, message, {"database": database})


def _first_drill_within(here: Sequence[ObservedBackup]) -> timedelta:
    """Returns how soon after the oldest backup a drill is due: 35 days, or a day less than the longest retention."""
    longest = max((seen.kept_for for seen in here if seen.kept_for is not None), default=DRILLED_WITHIN)
    return min(DRILLED_WITHIN, longest - timedelta(days=1))


def _newest_good(here: Sequence[ObservedBackup]) -> dict[Kind, ObservedBackup]:
    newest: dict[Kind, ObservedBackup] = {}
    for seen in here:
        if seen.wrong is None:
            newest.setdefault(seen.kind, seen)
    return newest


def _about(seen: ObservedBackup) -> dict[str, Field]:
    return {"database": seen.name.database, "kind": seen.kind, "backup_id": seen.name.id}
