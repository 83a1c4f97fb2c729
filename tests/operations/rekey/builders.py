"""Stores of backups for tests of keys. The backups have sealed manifests, but no artifacts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.archive.data_key import DataKey
from shared.archive.seals import seal_manifest
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.errors import KeyProblem, NotGood
from shared.keys import WrappingKey
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.rekey.run import Rekeyed, RekeyOptions, rekey
from shared.stores import Store
from tests.archive.builders import manifest

TAKEN = datetime(2024, 1, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    store: Store
    old_path: Path
    new_path: Path

    def old(self) -> KeyFile:
        return KeyFile.read(self.old_path)

    def new(self) -> KeyFile:
        return KeyFile.read(self.new_path)

    def rekey(self, store: Store | None = None, **changes: Any) -> Rekeyed:
        return rekey(RekeyOptions(store or self.store, self.old, self.new, **changes))

    def opened_by(self, key: WrappingKey) -> set[str]:
        return opened_by(self.store, key)


def publish(store: Store, backup_id: str, key: WrappingKey | None, database: str = "orders", **more: Any) -> BackupName:
    name = BackupName(more.pop("kind", Kind.DAILY), database, backup_id)
    data_key = DataKey.generate() if key else None
    encryption = data_key.wrap(key, name) if data_key and key else None
    until = {"created_at": TAKEN, "keep_until": TAKEN + timedelta(days=30)}
    Catalog(store).publish(seal_manifest(manifest(name, encryption=encryption, **(until | more)), data_key))
    return name


def opened_by(store: Store, key: WrappingKey) -> set[str]:
    """Returns the ids of the backups that a key opens."""
    catalog, found = Catalog(store), set()
    for backup in catalog.backups():
        try:
            if open_manifest(catalog, backup, key)[1] is not None:
                found.add(backup.name.id)
        except (KeyProblem, NotGood):
            continue
    return found
