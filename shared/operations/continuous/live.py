"""The chain that the next cycle goes on with: its base and its points, and which of them the next one builds on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.catalog.backup import Backup
from shared.continuous.path import chain_of
from shared.continuous.radix import ancestors
from shared.model.manifest import Manifest
from shared.model.names import BackupName
from shared.stores import StoredObject

BASE_LIFE = timedelta(hours=24)  # a new base after that; so a base is kept that much longer than its points


@dataclass(frozen=True)
class Point:
    """A base or an increment, as far as choosing a parent goes."""

    name: BackupName
    created_at: datetime
    keep_until: datetime
    base: str
    cycle: int
    identity: str
    stored_bytes: int
    listed: StoredObject | None = None  # its manifest


@dataclass
class Live:
    """A base and the newest good point of each cycle since; `grown` is what all of them take in the store."""

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
        """What the next cycle builds on: by the radix rule, or where that is not there by the rule for that."""
        return next(
            (self.points[cycle] for cycle in ancestors(self.next_cycle) if cycle in self.points),
            self.base,
        )

    def listed_below(self, point: Point) -> list[StoredObject]:
        """The manifests of what a point builds on, nearest first, as far as a listing has them: a hint, no more."""
        own = (self.points.get(cycle, self.base if not cycle else None) for cycle in ancestors(point.cycle))
        return [each.listed for each in own if each is not None and each.listed is not None]

    def add(self, point: Point) -> None:
        if point.cycle:
            self.points[point.cycle] = point
            self.grown += point.stored_bytes

    def why_over(self, now: datetime, keep_until: datetime) -> str | None:
        """Why a new base is due; None while this one serves."""
        if now - self.base.created_at >= BASE_LIFE:
            return "the last base is a day old"
        if self.grown >= self.base.stored_bytes:
            return "the increments have grown as large as their base"
        return "the base would go before its point" if self.base.keep_until < keep_until else None


def live_chain(backups: Iterable[Backup]) -> Live | None:
    """The newest base and its points, of the backups of kind continuous of one database; None without a base."""
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
    """The point that it is of. Raises NotGood when it is in no chain."""
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
