"""What a store holds, from one listing: backups as retention judges them, and what belongs to none."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.catalog.backup import Backup
from shared.catalog.grouping import named, what_is_missing
from shared.catalog.holds import read_hold
from shared.catalog.listing import Catalog
from shared.clock import parse_time, utc_now
from shared.errors import ObjectMissing
from shared.model import names
from shared.model.manifest import FORMAT, LARGEST_MANIFEST
from shared.model.names import BackupName
from shared.model.trail_names import BESIDE_TRAIL
from shared.retention.plan import Candidate
from shared.retention.retired import retired_in
from shared.runtime.collector import all_of_it_stays
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime


@dataclass(frozen=True)
class Inventory:
    """The backups, what retention must know of each, and every object that is named as one of theirs.

    `strays` have objects, but no manifest: a backup that is being taken, or what an interrupted run left.
    """

    backups: Mapping[BackupName, Backup]
    candidates: tuple[Candidate, ...]
    objects: Mapping[BackupName, tuple[StoredObject, ...]] = field(repr=False)
    retired: Mapping[str, datetime] = field(default_factory=dict)  # databases that are no more, and since when

    @property
    def strays(self) -> list[BackupName]:
        return [name for name in self.objects if name not in self.backups]

    def only(self, database: str) -> "Inventory":
        """What of it belongs to that database."""
        return Inventory(
            {name: backup for name, backup in self.backups.items() if name.database == database},
            tuple(candidate for candidate in self.candidates if candidate.name.database == database),
            {name: items for name, items in self.objects.items() if name.database == database},
            self.retired,
        )

    def settled(self, settle: Callable[[list[Backup]], list[Backup]]) -> "Inventory":
        """The same with what `settle` makes of the backups of each database, which it gets newest first."""
        own: dict[str, list[Backup]] = {}
        for backup in self.backups.values():
            own.setdefault(backup.name.database, []).append(backup)
        return self.with_backups([backup for each in own.values() for backup in settle(each)])

    def with_backups(self, backups: Iterable[Backup]) -> "Inventory":
        """The same with these in the place of those of the same names: what a look with the key found of them."""
        changed = {each.name: each for each in backups if self.backups[each.name] is not each}
        candidates = [
            _looked_at(candidate, self.backups[candidate.name], changed.get(candidate.name))
            for candidate in self.candidates
        ]
        return replace(self, backups={**self.backups, **changed}, candidates=tuple(candidates))

    def size_of(self, name: BackupName) -> int:
        """Bytes of all that the store holds under that backup's name."""
        return sum(item.size_bytes for item in self.objects[name])

    def beside_manifest(self, name: BackupName) -> list[StoredObject]:
        """Everything of a backup but its manifest and its hold: verdicts first, then artifacts."""
        others = [item for item in self.objects[name] if _role(item) not in ("manifest", "hold")]
        return sorted(others, key=lambda item: (_role(item) != "verdict", item.name))


def take_inventory(store: Store) -> Inventory:
    """Lists the store once. Raises StoreError when it cannot be listed or read."""
    with all_of_it_stays():
        return inventory_of(store, store.list_objects(start=BESIDE_TRAIL))


def inventory_of(store: Store, listing: Iterable[StoredObject]) -> Inventory:
    """Does the same from a given listing of the whole store. Raises StoreError."""
    listed = list(listing)
    found = list(named(listed))
    objects: dict[BackupName, list[StoredObject]] = {}
    for parsed, item in found:
        objects.setdefault(parsed.backup, []).append(item)
    assembled = Catalog(store).assemble(found)
    own_time = isinstance(store, OwnTime) and store.has_own_time
    backups = {backup.name: backup for backup in assembled}
    candidates = tuple(_candidate(store, backup, objects[backup.name], own_time=own_time) for backup in assembled)
    own = {name: tuple(items) for name, items in objects.items()}
    return Inventory(backups, candidates, own, retired_in(listed, utc_now()))


def _candidate(store: Store, backup: Backup, objects: list[StoredObject], *, own_time: bool) -> Candidate:
    damaged, keep_until, needs = backup.damaged, None, frozenset[str]()
    newer_format = _is_newer(store, backup)
    if damaged is None:
        try:
            needs = frozenset(str(needed) for needed in backup.summary.get("needs", ()))
            keep_until = parse_time(backup.summary["keep_until"])
            damaged = what_is_missing(backup.summary, {item.name: item.size_bytes for item in objects})
        except (KeyError, TypeError, ValueError):
            damaged = f"manifest of {backup.name.id} does not say how long it is kept, or what belongs to it"
    if damaged is None and newer_format:
        damaged = f"manifest of {backup.name.id} is of a newer format: upgrade Litekeep"
    return Candidate(
        backup.name,
        backup.created_at,
        keep_until,
        good=backup.sound and backup.missing is None,
        verified=backup.verified,
        damaged=damaged,
        held=_held(store, backup.name, objects),
        needs=needs,
        stored_at=backup.manifest.created_at if own_time else None,
        newer_format=newer_format,
    )


def _looked_at(candidate: Candidate, before: Backup, found: Backup | None) -> Candidate:
    """What the other store knows of it stays, unless the look found something else than the listing said."""
    if found is None:
        return candidate
    verified = candidate.verified if found.verified == before.verified else found.verified
    return replace(candidate, verified=verified, damaged=candidate.damaged or found.damaged or found.missing)


def _is_newer(store: Store, backup: Backup) -> bool:
    """Returns whether a newer Litekeep wrote it. Then it may well need others, in a way that cannot be read here."""
    content: Any = backup.summary
    if backup.damaged is not None:
        try:
            with store.open(backup.manifest.name, backup.manifest.generation) as stream:
                content = json.loads(stream.read(LARGEST_MANIFEST))
        except (ValueError, RecursionError, ObjectMissing):
            return False
    found = content.get("format") if isinstance(content, Mapping) else None
    return isinstance(found, int) and found > FORMAT


def _held(store: Store, name: BackupName, objects: list[StoredObject]) -> str | None:
    hold = name.hold
    if all(item.name != hold for item in objects):
        return None
    return read_hold(store, name).reason


def _role(item: StoredObject) -> str:
    parsed = names.parse(item.name)
    return parsed.role if parsed else ""
