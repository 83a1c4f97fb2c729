"""The moments of a database that can be reached, what each costs, and the gaps: a pure function of a listing.

A range is a run of good points and of marks that nothing was written, no two of them further apart than the promised
recovery point. Between two ranges is a gap. Backups of other kinds are moments too, and close no gap.
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
    """A backup that is good as far as is known. `steps` and `reads_bytes`: what its restore reads."""

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
    """Oldest first each."""

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
    """Of the backups of one database, in any order, between two moments; `until` is now at the latest."""
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
        else:  # it was found unchanged: the point before it is what was there
            found.append(Range(at, at, 0))
    return found


def _why(bad: Sequence[Backup], since: datetime, until: datetime) -> str:
    lost = [each for each in bad if since < each.created_at <= until]
    if not lost:
        return "no cycle came to its end"
    others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return f"{lost[0].name.id}{others} cannot be restored: {lost[0].wrong}"


def _costs(own: Sequence[Backup]) -> Mapping[BackupName, tuple[int, int]]:
    """How many backups a restore of each reads, and how many bytes; parents come before their children."""
    found: dict[BackupName, tuple[int, int]] = {}
    for backup in sorted(own, key=_cycle):
        parent = parent_of(backup)
        steps, size = found.get(parent, (0, 0)) if parent else (0, 0)
        found[backup.name] = (steps + 1, size + backup.stored_bytes)
    return found


def _cycle(backup: Backup) -> int:
    return backup.chain.cycle if backup.chain else 0
