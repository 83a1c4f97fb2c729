"""Build a store with backups of chosen ages, object by object; nothing is dumped, so it takes milliseconds."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shared.archive.data_key import DataKey
from shared.archive.seals import seal_manifest
from shared.catalog.listing import Catalog
from shared.catalog.verdicts import opened_as
from shared.clock import utc_now
from shared.keys import WrappingKey
from shared.model.kinds import Kind, default_retention
from shared.model.names import WHOLE, BackupName
from shared.retention.plan import RetentionPolicy
from shared.stores import Store
from tests.builders import make_artifact, make_manifest

POLICY = RetentionPolicy(default_retention("production"))
SIZE = 10  # bytes per artifact


@dataclass(frozen=True)
class Verdict:
    ok: bool

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok}


def ago(days: float) -> datetime:
    return utc_now() - timedelta(days=days)


def put(
    store: Store, age_days: float, backup_id: str | None = None, *, key: WrappingKey | None = None, **changes: Any
) -> BackupName:
    """Store a backup of that age: one artifact per format, the manifest, and a verdict unless `verified` is None.

    With `key`, the backup is encrypted and its manifest and verdict are sealed.
    """
    verified = changes.pop("verified", True)
    kind = changes.pop("kind", Kind.DAILY)
    name = BackupName(kind, changes.pop("database", "app"), backup_id or f"b{age_days:g}")
    taken, encrypted = ago(age_days), key is not None
    artifacts = [
        make_artifact(name, form, encrypted=encrypted, object=name.artifact(form, encrypted=encrypted))
        for form in WHOLE
    ]
    for artifact in artifacts:
        store.create(artifact.object, b"x" * SIZE, {})
    fields = {"keep_until": taken + POLICY.lengths[kind], "artifacts": artifacts} | changes
    manifest = make_manifest(id=name.id, database=name.database, kind=kind, created_at=taken, **fields)
    opened = None
    if key is not None:
        data_key = DataKey.generate()
        manifest = seal_manifest(manifest.model_copy(update={"encryption": data_key.wrap(key, name)}), data_key)
        opened = opened_as(manifest, manifest.to_json(), data_key)
    Catalog(store).publish(manifest)
    if verified is not None:
        Catalog(store).record(name, Verdict(verified), taken + timedelta(minutes=1), opened)
    return name


def fill(store: Store, young: int = 5, old: int = 3) -> list[BackupName]:
    """Store young verified backups, and old expired ones, which are returned newest first."""
    for number in range(young):
        put(store, 1 + number)
    return [put(store, 100 + number, f"old{number}") for number in range(old)]


def put_aged(folder: Path, store: Store, name: str, days: float) -> None:
    """Store an object in a folder, dated `days` ago."""
    store.create(name, b"x" * SIZE, {})
    age(folder, name, days)


def age(folder: Path, name: str, days: float) -> None:
    stamp = ago(days).timestamp()
    os.utime(folder / name, (stamp, stamp))


def ids(store: Store) -> set[str]:
    return {backup.name.id for backup in Catalog(store).backups()}


def objects(store: Store) -> set[str]:
    return {item.name for item in store.list_objects("")}


def objects_of(store: Store, names: Iterable[BackupName]) -> set[str]:
    prefixes = tuple(name.prefix + "." for name in names)
    return {name for name in objects(store) if name.startswith(prefixes)}
