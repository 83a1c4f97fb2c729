"""The objects of a store, with the facts that matter for cost: class, kind, database, size and retention."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.catalog.grouping import named
from shared.catalog.listing import Catalog
from shared.model import names
from shared.model.names import BackupName, Format
from shared.operations.cost.prices import STANDARD
from shared.runtime.collector import garbage_collection_paused
from shared.stores import Store, StoredObject
from shared.stores.interface import SoftDeletes

OTHER = "other"


@dataclass(frozen=True)
class Item:
    """One object. `role` is the role in its name, or "other" if it belongs to no backup."""

    kind: str
    database: str | None
    backup: BackupName | None
    role: str
    storage_class: str
    size_bytes: int
    created_at: datetime
    keep_until: datetime | None = None

    @property
    def is_artifact(self) -> bool:
        return self.role in set(Format)


@dataclass(frozen=True)
class Usage:
    """All objects. `deleted` are soft-deleted ones, which are still billed; None if the store cannot list them."""

    items: list[Item]
    deleted: list[Item] | None
    in_bucket: bool


def take_usage(store: Store) -> Usage:
    """Lists the objects of the store, and the soft-deleted ones. Raises StoreError."""
    with garbage_collection_paused():
        listed = list(store.list_objects(""))
        until = {backup.name: backup.keep_until for backup in Catalog(store).assemble(named(listed))}
        items = list(_items(listed, until))
        gone = store.list_soft_deleted() if isinstance(store, SoftDeletes) else None
        return Usage(items, None if gone is None else list(_items(gone, {})), store.url.startswith("gs://"))


def _items(listed: list[StoredObject], until: dict[BackupName, datetime | None]) -> Iterator[Item]:
    for found in listed:
        parsed = names.parse(found.name)
        storage_class = found.storage_class or STANDARD
        if parsed is None:
            yield Item(OTHER, None, None, OTHER, storage_class, found.size_bytes, found.created_at)
            continue
        name = parsed.backup
        yield Item(
            name.kind.value,
            name.database,
            name,
            parsed.role,
            storage_class,
            found.size_bytes,
            found.created_at,
            until.get(name),
        )
