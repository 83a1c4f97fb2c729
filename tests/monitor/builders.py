"""Builders of listings with full defaults, so that a test states only what matters."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.events.log import Event
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.model.report_names import DrillName
from shared.model.schedules import parse_schedules
from shared.monitor.finding import Finding
from shared.monitor.judge import judge
from shared.monitor.listing import Listing, ObservedBackup

NOW = datetime(2024, 1, 15, 0, 30, tzinfo=UTC)
DAILY = parse_schedules("daily=0 0 * * *")
ALL = parse_schedules("continuous=*/3 * * * *;daily=0 0 * * *;weekly=0 0 * * 0")
_SIZES = {"sql": 60_000_000, "sqlite": 67_000_000}


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


_HALF_AN_HOUR = timedelta(minutes=30)


def seen(
    age: timedelta = _HALF_AN_HOUR, backup_id: str | None = None, now: datetime = NOW, **changes: Any
) -> ObservedBackup:
    """Return a daily backup of that age, verified seven minutes later and kept for 30 days."""
    taken = now - age
    kind, database = changes.pop("kind", Kind.DAILY), changes.pop("database", "app.db")
    name = BackupName(kind, database, backup_id or f"backup-{taken:%Y-%m-%d-%H%M%S}")
    verified = changes.get("verified", True)
    verdict = name.verdict(taken + timedelta(minutes=7)) if verified is not None else None
    fields = {"rows": 1000, "verified": verified, "verdict": verdict, "kept_for": timedelta(days=30)}
    return ObservedBackup(name, taken, **{"sizes": _SIZES} | fields | changes)


def nights(count: int, *, until: timedelta = _HALF_AN_HOUR, **changes: Any) -> list[ObservedBackup]:
    """Return `count` daily backups, newest first; the newest has the age `until`."""
    return [seen(until + timedelta(days=number), **changes) for number in range(count)]


def listing(own: Sequence[ObservedBackup], *, drilled: timedelta | None = timedelta(days=8), **changes: Any) -> Listing:
    drills = {} if drilled is None else {"app.db": (DrillName("app.db", NOW - drilled, passed=True),)}
    return Listing("./backups", {"app.db": tuple(own)}, **{"drills": drills} | changes)


def findings(
    own: Sequence[ObservedBackup], now: datetime = NOW, schedules: Any = DAILY, **changes: Any
) -> list[Finding]:
    return judge(listing(own, **changes), schedules, now)


def events(own: Sequence[ObservedBackup], now: datetime = NOW, schedules: Any = DAILY, **changes: Any) -> list[Event]:
    return [finding.event for finding in findings(own, now, schedules, **changes)]
