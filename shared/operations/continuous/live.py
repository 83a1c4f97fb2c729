"""The current chain: its base and points, and the point that the next one builds on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.catalog.backup import Backup
from shared.continuous.path import chain_of
from shared.continuous.radix import ancestors
from shared.model.manifest import Manifest
from shared.model.names import BackupName
from shared.stores import StoredObject

BASE_LIFE = timedelta(hours=24)  # then a new base is due; so a base is kept this much longer than its points


@dataclass(frozen=True)
class Point:
    """A base or an increment, with the fields needed to choose a parent."""

    name: BackupName
    created_at: datetime
    keep_until: datetime
    base: str
    cycle: int
    identity: str
    stored_bytes: int
    listed: StoredObject | None = None  # its manifest, if known from a listing


@dataclass
class Live:
    """A base and the newest good point of each cycle since. `grown`: the stored bytes of all these points."""

    base: Point
    points: dict[int, Point] = field(default_factory=dict)
    grown: int = 0

    @property
    def next_cycle(self) -> int:
        return max(self.points, default=0) + 1

    @property
    def newest(self) -> Point:
        return max((self.base, *self.points.values()), key=lambda point: (point.created_at, point.cycle))

    def parent(self) -> Point:
        """Returns the point that the next cycle builds on: its nearest ancestor by the radix rule that exists."""
        return next(
            (self.points[cycle] for cycle in ancestors(self.next_cycle) if cycle in self.points),
            self.base,
        )

    def listed_below(self, point: Point) -> list[StoredObject]:
        """Returns the manifests of a point's ancestors, nearest first, if a listing has them. They are only a hint."""
        own = (self.points.get(cycle, self.base if not cycle else None) for cycle in ancestors(point.cycle))
        return [each.listed for each in own if each is not None and each.listed is not None]

    def add(self, point: Point) -> None:
        if point.cycle:
            self.points[point.cycle] = point
            self.grown += point.stored_bytes

    def why_over(self, now: datetime, keep_until: datetime) -> str | None:
        """Returns why a new base is due, or None."""
        if now - self.base.created_at >= BASE_LIFE:
            return "the last base is a day old"
        if self.grown >= self.base.stored_bytes:
            return "the increments have grown as large as their base"
        return "the base would expire before its point" if self.base.keep_until < keep_until else None


def live_chain(backups: Iterable[Backup]) -> Live | None:
    """Returns the newest base and its points, of one database's continuous backups; None without a base."""
    points = sorted(
        (point for backup in backups if backup.good and (point := _point(backup)) is not None),
        key=lambda point: point.created_at,
    )
    base = next((point for point in reversed(points) if not point.cycle), None)
    if base is None:
        return None
    live = Live(base)
    for point in points:
        if point.base == base.name.id:
            live.add(point)
    return live


def point_of(manifest: Manifest) -> Point:
    """Returns the point of a manifest. Raises NotGood when it is in no chain."""
    stored = sum(artifact.size_bytes for artifact in manifest.artifacts)
    chain = chain_of(manifest)
    return Point(
        manifest.name, manifest.created_at, manifest.keep_until, chain.base, chain.cycle, chain.identity, stored
    )


def _point(backup: Backup) -> Point | None:
    chain, keep_until = backup.chain, backup.keep_until
    if chain is None or keep_until is None:
        return None
    place = (chain.base, chain.cycle, chain.identity)
    return Point(backup.name, backup.created_at, keep_until, *place, backup.stored_bytes, backup.manifest)
