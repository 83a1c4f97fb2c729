"""How good the platform's own backups of a database are right now: a pure function of what the node said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.sqlitecloud.native_backups import NativePoint, NativeSettings

ALLOWED = timedelta(minutes=5)


@dataclass(frozen=True)
class NativeFindings:
    """What there is, and what a person should know of it.

    `gap` is the age of the newest point: what was written since would be lost. It means little while nobody writes,
    as nothing is added then. `problem` is a sentence, or None when nothing is wrong or nobody can tell.
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
    """`wrote_recently`: whether writes go on, None when that is not known. Points may come in any order.

    The problem: native backups are on, and the newest point is older than five minutes while writes go on, or there
    is no point at all. What is off is no problem: not every plan of the platform has it. A point dated in the future
    (clocks differ) has no age, and is never one.
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
    """Whether a node's count of writes has moved; None when it does not count them. A restart may set it back."""
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
