"""The status of one database, as `litekeep status` shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.events.log import Event
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX
from shared.model.schedules import DEFAULT_SCHEDULES
from shared.monitor.finding import Finding
from shared.monitor.judge import Schedules, in_force, judge
from shared.monitor.listing import Listing, ObservedBackup, present
from shared.monitor.pending_erasures import PendingErasures
from shared.monitor.reach import Reach, reach_of
from shared.monitor.usual import size_change, usual_size


class StatusLevel(StrEnum):
    """The state of the backups of a database, from good to bad."""

    OK = "ok"
    STALE = "stale"
    FAILING = "failing"
    NEVER = "never"


@dataclass(frozen=True)
class NextSlot:
    kind: Kind
    at: datetime


@dataclass(frozen=True)
class Status:
    """The status of one database.

    `standing` is about backups alone: even if it is `ok`, there can be findings that need attention.
    `recovery_point`: the age of the newest backup not known to be bad, or the time since a run found the database
    unchanged since then; newer changes would be lost. `next_scheduled`: None if BACKUP_SCHEDULES has no schedule.
    """

    database: str
    standing: StatusLevel
    last: ObservedBackup | None
    age: timedelta | None
    recovery_point: timedelta | None
    usual_bytes: float | None
    change_percent: float | None
    last_verified: ObservedBackup | None
    drilled_at: datetime | None
    next_scheduled: NextSlot | None
    findings: tuple[Finding, ...]
    reach: Reach | None = None  # of a continuous chain
    held: tuple[str, ...] = ()  # ids of the backups that are held, newest first
    pending_erasures: PendingErasures | None = None


def status_of(database: str, listing: Listing, schedules: Schedules | None, now: datetime) -> Status:
    """Returns the status of a database; a pure function of the listing, the schedules and the time."""
    own = listing.databases[database]
    # A safety backup of an in-place restore is of the database that was replaced.
    here = [seen for seen in present(own, now) if not seen.name.id.startswith(SAFETY_PREFIX)]
    last = here[0] if here else None
    before = [seen for seen in here[1:] if last is not None and seen.kind is last.kind and seen.damaged is None]
    good = [seen for seen in here if seen.wrong is None]
    current = max(good, key=lambda seen: seen.current_at, default=None)
    usual = last is not None and last.kind is not Kind.CONTINUOUS  # the size of a point depends on how much was written
    findings = judge(replace(listing, databases={database: own}, problems=()), schedules, now)
    return Status(
        database,
        _standing(last, findings),
        last,
        age=last.age(now) if last else None,
        recovery_point=current.behind(now) if current else None,
        usual_bytes=usual_size(last, before) if last and usual else None,
        change_percent=size_change(last, before) if last and usual else None,
        last_verified=next((seen for seen in good if seen.verified), None),
        drilled_at=listing.last_drill(database, now),
        next_scheduled=_next(schedules, own, now),
        findings=tuple(findings),
        reach=reach_of(here, now),
        held=tuple(seen.name.id for seen in own if seen.held),
        pending_erasures=listing.pending_erasures.get(database),
    )


def _standing(last: ObservedBackup | None, findings: Sequence[Finding]) -> StatusLevel:
    if last is None:
        return StatusLevel.NEVER
    if last.wrong is not None:
        return StatusLevel.FAILING
    stale = any(finding.event is Event.MONITOR_STALE for finding in findings)
    return StatusLevel.STALE if stale else StatusLevel.OK


def _next(schedules: Schedules | None, own: Sequence[ObservedBackup], now: datetime) -> NextSlot | None:
    """Returns the next slot. If no schedule is known, that of the default daily schedule."""
    found = in_force(schedules, own)
    if not found and schedules is None:
        found = {Kind.DAILY: DEFAULT_SCHEDULES[Kind.DAILY]}
    slots = [NextSlot(kind, schedule.next_after(now)) for kind, schedule in found.items()]
    return min(slots, key=lambda slot: slot.at, default=None)
