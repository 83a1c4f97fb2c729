"""The moments that a database can be restored to, the cost of each, and the gaps: a pure function of a listing.

A range is a sequence of good points and unchanged marks, each at most the promised recovery point after the previous
one. There is a gap between two ranges. Backups of other kinds are moments too, but do not close gaps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.catalog.backup import Backup
from shared.catalog.paths import parent_of
from shared.clock import rfc3339
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX, BackupName

PROMISED = timedelta(minutes=5)


@dataclass(frozen=True)
class Moment:
    """A backup not known to be bad. Its restore reads `steps` backups and `reads_bytes` bytes."""

    backup: Backup
    stored_bytes: int
    steps: int
    reads_bytes: int

    @property
    def changed_pages(self) -> int | None:
        chain = self.backup.chain
        return chain.changed_pages if chain else None

    def to_json(self) -> dict[str, Any]:
        parent = parent_of(self.backup)
        return {
            "id": self.backup.name.id,
            "at": rfc3339(self.backup.created_at),
            "kind": self.backup.name.kind.value,
            "parent": parent.id if parent else None,
            "changed_pages": self.changed_pages,
            "stored_bytes": self.stored_bytes,
            "verified": self.backup.verified,
            "steps": self.steps,
            "reads_bytes": self.reads_bytes,
        }


@dataclass(frozen=True)
class Range:
    since: datetime
    until: datetime
    points: int

    def to_json(self) -> dict[str, Any]:
        return {"from": rfc3339(self.since), "to": rfc3339(self.until), "points": self.points}


@dataclass(frozen=True)
class Gap:
    since: datetime
    until: datetime
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"from": rfc3339(self.since), "to": rfc3339(self.until), "reason": self.reason}


@dataclass(frozen=True)
class Timeline:
    """The timeline of a database; each part is oldest first."""

    database: str
    ranges: Sequence[Range]
    points: Sequence[Moment]
    gaps: Sequence[Gap]

    def to_json(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "ranges": [each.to_json() for each in self.ranges],
            "points": [each.to_json() for each in self.points],
            "gaps": [each.to_json() for each in self.gaps],
        }


def timeline(
    database: str,
    backups: Sequence[Backup],
    marks: Iterable[datetime],
    since: datetime | None,
    until: datetime,
) -> Timeline:
    """Returns the timeline of the backups of one database, in any order. `until` is not later than now."""
    own = sorted(
        (each for each in backups if not each.future and not each.name.id.startswith(SAFETY_PREFIX)),
        key=lambda backup: (backup.created_at, backup.manifest.created_at),
    )
    within = [each for each in own if (since is None or each.created_at >= since) and each.created_at <= until]
    costs = _costs(own)
    points = [Moment(each, each.stored_bytes, *costs[each.name]) for each in within if each.good]
    chain = [each for each in within if each.name.kind is Kind.CONTINUOUS]
    seen = [(each.created_at, 1) for each in chain if each.good]
    first = seen[0][0] if seen else None
    seen += [(mark, 0) for mark in marks if first is not None and first <= mark <= until]
    ranges = _ranges(sorted(seen))
    bad = [each for each in chain if not each.good]
    ends = [*ranges[1:], Range(until, until, 0)] if ranges else []
    gaps = [
        Gap(before.until, after.since, _why(bad, before.until, after.since))
        for before, after in zip(ranges, ends, strict=True)
        if after.since - before.until > PROMISED
    ]
    return Timeline(database, ranges, points, gaps)


def _ranges(seen: Sequence[tuple[datetime, int]]) -> list[Range]:
    found: list[Range] = []
    for at, point in seen:
        if found and at - found[-1].until <= PROMISED:
            found[-1] = Range(found[-1].since, at, found[-1].points + point)
        elif point:
            found.append(Range(at, at, 1))
        else:  # an unchanged mark: the database equals the previous point
            found.append(Range(at, at, 0))
    return found


def _why(bad: Sequence[Backup], since: datetime, until: datetime) -> str:
    lost = [each for each in bad if since < each.created_at <= until]
    if not lost:
        return "no cycle was completed"
    others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return f"{lost[0].name.id}{others} cannot be restored: {lost[0].wrong}"


def _costs(own: Sequence[Backup]) -> Mapping[BackupName, tuple[int, int]]:
    """Returns the number of backups and bytes that a restore of each reads, computed from parents to children."""
    found: dict[BackupName, tuple[int, int]] = {}
    for backup in sorted(own, key=_cycle):
        parent = parent_of(backup)
        steps, size = found.get(parent, (0, 0)) if parent else (0, 0)
        found[backup.name] = (steps + 1, size + backup.stored_bytes)
    return found


def _cycle(backup: Backup) -> int:
    return backup.chain.cycle if backup.chain else 0
