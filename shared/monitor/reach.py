"""How far back the points of a continuous chain reach, and how much they store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.clock import rfc3339
from shared.model.kinds import Kind
from shared.model.names import Format
from shared.monitor.listing import ObservedBackup

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reach:
    """`since` and `until`: the moments of the oldest and the newest good point. `base`: the id of the newest base."""

    points: int
    since: datetime
    until: datetime
    base: str | None
    bytes_a_day: int

    def to_json(self) -> dict[str, Any]:
        return {
            "points": self.points,
            "from": rfc3339(self.since),
            "to": rfc3339(self.until),
            "base": self.base,
            "bytes_a_day": self.bytes_a_day,
        }


def reach_of(here: Sequence[ObservedBackup], now: datetime) -> Reach | None:
    """Returns the reach of the backups of a database, newest first, or None if it has no points."""
    points = [seen for seen in here if seen.kind is Kind.CONTINUOUS and seen.wrong is None]
    if not points:
        return None
    base = next((seen.name.id for seen in points if Format.SQLITE in seen.sizes), None)
    spent = sum(seen.size_bytes for seen in points if seen.age(now) <= _DAY)
    until = max(seen.current_at for seen in points)
    return Reach(len(points), points[-1].created_at, until, base, spent)
