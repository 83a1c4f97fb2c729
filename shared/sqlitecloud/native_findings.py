"""Judges the platform's own backups of a database: a pure function of what the node reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.sqlitecloud.native_backups import NativePoint, NativeSettings

ALLOWED = timedelta(minutes=5)


@dataclass(frozen=True)
class NativeFindings:
    """The state of a database's native backups.

    `gap` is the age of the newest point; writes since then would be lost. It means little while nobody writes, because
    no points are added then. `problem` is a sentence, or None if nothing is wrong or it is unknown.
    """

    enabled: bool
    retention: timedelta | None
    oldest: datetime | None
    newest: datetime | None
    gap: timedelta | None
    problem: str | None


def native_findings(
    database: str,
    settings: NativeSettings,
    points: Sequence[NativePoint],
    now: datetime,
    *,
    wrote_recently: bool | None,
) -> NativeFindings:
    """Returns the findings. `wrote_recently` is None if unknown; points may be in any order.

    It is a problem if native backups are enabled and there is no point, or the newest is older than five minutes while
    the database is written to. Disabled backups are not a problem: not every plan of the platform has them. A point
    dated in the future (clocks differ) has age 0.
    """
    times = sorted(point.created for point in points)
    gap = max(now - times[-1], timedelta(0)) if times else None
    problem = _problem(database, gap, wrote_recently=wrote_recently) if settings.enabled else None
    return NativeFindings(
        enabled=settings.enabled,
        retention=settings.keeps if settings.enabled else None,
        oldest=times[0] if times else None,
        newest=times[-1] if times else None,
        gap=gap,
        problem=problem,
    )


def wrote_between(before: int | None, after: int | None) -> bool | None:
    """Returns whether a node's count of writes changed; None if it has none. A restart may reset the count."""
    return None if before is None or after is None else before != after


def _problem(database: str, gap: timedelta | None, *, wrote_recently: bool | None) -> str | None:
    if gap is None:
        return (
            f"native backups of {database} are on, and there is none to restore: wait a minute, then ask SQLite Cloud "
            "why none is made"
        )
    if wrote_recently and gap > ALLOWED:
        return (
            f"the newest native backup of {database} is {int(gap.total_seconds() // 60)} min old while writes go on: "
            "what was written since would be lost; ask SQLite Cloud why none is made, and take one with litekeep backup"
        )
    return None
