"""The inventory of a store from one listing: backups as retention judges them, and objects without a backup."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

from shared.catalog.assembly import groups
from shared.catalog.backup import Backup
from shared.catalog.grouping import by_time, named, what_is_missing
from shared.clock import utc_now
from shared.errors import ObjectMissing
from shared.model import names
from shared.model.manifest import FORMAT, LARGEST_MANIFEST
from shared.model.names import BackupName
from shared.model.trail_names import BESIDE_TRAIL
from shared.retention.plan import Candidate
from shared.retention.retired import note_retired
from shared.runtime.collector import garbage_collection_paused
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime

_NOTHING = frozenset[str]()


@dataclass(frozen=True)
class Inventory:
    """The backups of a store, what retention needs to know about each, and their objects.

    `strays` are backups with objects but no manifest: in progress, or left by an interrupted run.
    """

    backups: dict[BackupName, Backup]
    databases: dict[str, list[Candidate]]  # the candidates of each, newest first
    objects: Mapping[BackupName, tuple[StoredObject, ...]] = field(repr=False)
    retired: Mapping[str, datetime] = field(default_factory=dict)  # retired databases, and since when

    @property
    def candidates(self) -> Iterator[Candidate]:
        return chain.from_iterable(self.databases.values())

    @property
    def strays(self) -> list[BackupName]:
        return [name for name in self.objects if name not in self.backups]

    def only(self, database: str) -> "Inventory":
        """Returns the part of one database."""
        return Inventory(
            {name: backup for name, backup in self.backups.items() if name.database == database},
            {name: own for name, own in self.databases.items() if name == database},
            {name: items for name, items in self.objects.items() if name.database == database},
            self.retired,
        )

    def settle(self, database: str, settle: Callable[[list[Backup]], list[Backup]]) -> None:
        """Replaces the backups of a database by what `settle` returns for them; it is given them newest first."""
        own = self.databases.get(database, ())
        found = settle([self.backups[candidate.name] for candidate in own])
        changed = {each.name: each for each in found if self.backups[each.name] is not each}
        self.databases[database] = self._update_all(own, changed)
        self.backups.update(changed)

    def with_backups(self, backups: Iterable[Backup]) -> "Inventory":
        """Returns an inventory with these backups, checked with the key, in place of those of the same names."""
        changed = {each.name: each for each in backups if self.backups[each.name] is not each}
        databases = {name: self._update_all(own, changed) for name, own in self.databases.items()}
        return replace(self, backups={**self.backups, **changed}, databases=databases)

    def _update_all(self, own: Iterable[Candidate], changed: Mapping[BackupName, Backup]) -> list[Candidate]:
        return [_update(each, self.backups[each.name], changed.get(each.name)) for each in own]

    def size_of(self, name: BackupName) -> int:
        """Returns the size of all objects of a backup in bytes."""
        return sum(item.size_bytes for item in self.objects[name])

    def beside_manifest(self, name: BackupName) -> list[StoredObject]:
        """Returns the objects of a backup without its manifest and hold: verdicts first, then artifacts."""
        others = [item for item in self.objects[name] if _role(item) not in ("manifest", "hold")]
        return sorted(others, key=lambda item: (_role(item) != "verdict", item.name))


def take_inventory(store: Store) -> Inventory:
    """Lists the store once. Raises StoreError if it cannot be listed or read."""
    with garbage_collection_paused():
        return inventory_of(store, store.list_objects(start=BESIDE_TRAIL))


def inventory_of(store: Store, listing: Iterable[StoredObject]) -> Inventory:
    """Makes the inventory from a listing of the whole store. Raises StoreError."""
    now = utc_now()
    retired: dict[str, datetime] = {}
    objects: dict[BackupName, tuple[StoredObject, ...]] = {}
    found: list[Backup] = []
    for group in groups(store, named(note_retired(listing, now, retired)), now):
        together: dict[BackupName, list[StoredObject]] = {}
        for parsed, item in group.objects:
            together.setdefault(parsed.backup, []).append(item)
        for name, own in together.items():
            objects[name] = (*objects.get(name, ()), *own)
        found += group.backups
    found.sort(key=by_time, reverse=True)
    own_time = isinstance(store, OwnTime) and store.has_own_time
    databases: dict[str, list[Candidate]] = {}
    for backup in found:
        candidate = _candidate(store, backup, objects[backup.name], own_time=own_time)
        databases.setdefault(backup.name.database, []).append(candidate)
    return Inventory({backup.name: backup for backup in found}, databases, objects, retired)


def _candidate(store: Store, backup: Backup, objects: Iterable[StoredObject], *, own_time: bool) -> Candidate:
    """Returns the backup as retention judges it. `own_time`: the store dates objects by its own clock."""
    summary, damaged = backup.summary, backup.damaged
    newer_format = _is_newer(store, backup)
    if summary is not None:
        damaged = what_is_missing(summary, {item.name: item for item in objects})
    if damaged is None and newer_format:
        damaged = f"manifest of {backup.name.id} is of a newer format: upgrade Litekeep"
    return Candidate(
        backup.name,
        backup.created_at,
        summary.keep_until if summary else None,
        good=backup.sound and backup.missing is None,
        verified=backup.verified,
        damaged=damaged,
        held=backup.hold.reason if backup.hold else None,
        needs=frozenset(summary.needs) if summary and summary.needs else _NOTHING,
        stored_at=backup.manifest.created_at if own_time else None,
        newer_format=newer_format,
    )


def _update(candidate: Candidate, before: Backup, found: Backup | None) -> Candidate:
    """Returns the candidate updated by a check. What the other store knows is kept unless the check changed it."""
    if found is None:
        return candidate
    verified = candidate.verified if found.verified == before.verified else found.verified
    return replace(candidate, verified=verified, damaged=candidate.damaged or found.damaged or found.missing)


def _is_newer(store: Store, backup: Backup) -> bool:
    """Returns whether a newer Litekeep wrote the manifest. It may then need other backups in an unknown way."""
    found: Any = backup.summary.format if backup.summary else None
    if backup.damaged is not None:
        try:
            with store.open(backup.manifest.name, backup.manifest.generation) as stream:
                content = json.loads(stream.read(LARGEST_MANIFEST))
        except (ValueError, RecursionError, ObjectMissing):
            return False
        found = content.get("format") if isinstance(content, Mapping) else None
    return isinstance(found, int) and found > FORMAT


def _role(item: StoredObject) -> str:
    parsed = names.parse(item.name)
    return parsed.role if parsed else ""
