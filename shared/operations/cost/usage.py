"""The objects of a store, with the facts that matter for cost: class, kind, database, size and retention."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.catalog.assembly import groups
from shared.clock import utc_now
from shared.model import names
from shared.model.names import BackupName, Format, ObjectName
from shared.operations.cost.prices import STANDARD
from shared.runtime.collector import garbage_collection_paused
from shared.stores import Store, StoredObject
from shared.stores.interface import SoftDeletes

OTHER = "other"


@dataclass(frozen=True, slots=True)
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
    """Lists the objects of the store, and the soft-deleted ones. Raises StoreError.

    The backups of one kind of one database are in memory at a time. Of the others only the items remain.
    """
    items: list[Item] = []
    others: list[Item] = []
    with garbage_collection_paused():
        for group in groups(store, _of_backups(store.list_objects(""), others), utc_now()):
            until = {backup.name: backup.keep_until for backup in group.backups}
            items += (_item(parsed, found, until.get(parsed.backup)) for parsed, found in group.objects)
        gone = store.list_soft_deleted() if isinstance(store, SoftDeletes) else None
        deleted = None if gone is None else [_item(names.parse(found.name), found) for found in gone]
    return Usage([*items, *others], deleted, store.url.startswith("gs://"))


def _of_backups(listed: Iterable[StoredObject], others: list[Item]) -> Iterator[tuple[ObjectName, StoredObject]]:
    """Yields the objects that belong to backups. Adds the items of all others to `others`."""
    for found in listed:
        parsed = names.parse(found.name)
        if parsed is None:
            others.append(_item(None, found))
        else:
            yield parsed, found


def _item(parsed: ObjectName | None, found: StoredObject, until: datetime | None = None) -> Item:
    storage_class = found.storage_class or STANDARD
    if parsed is None:
        return Item(OTHER, None, None, OTHER, storage_class, found.size_bytes, found.created_at)
    name = parsed.backup
    return Item(
        name.kind.value,
        name.database,
        name,
        parsed.role,
        storage_class,
        found.size_bytes,
        found.created_at,
        until,
    )
