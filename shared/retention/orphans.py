"""Orphaned objects: stored by a killed backup before its manifest, or left by a killed cleanup after it.

A backup in progress looks the same until its manifest is stored. So orphans are deleted only if all objects of the
backup are over a day old by the store's own clock. Objects whose names are not exactly those of a backup are never
touched.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.model.names import BackupName
from shared.retention.inventory import Inventory
from shared.stores import StoredObject

LEFT_FOR = timedelta(days=1)


def find_orphans(inventory: Inventory, store_now: datetime) -> list[tuple[BackupName, list[StoredObject]]]:
    """Returns the objects to delete of each backup without a manifest that is not on hold."""
    return [
        (name, inventory.beside_manifest(name))
        for name in sorted(inventory.strays, key=lambda name: name.prefix)
        if not _is_held(inventory, name)
        and all(store_now - item.created_at > LEFT_FOR for item in inventory.objects[name])
    ]


def held_orphans(inventory: Inventory) -> Iterator[str]:
    """Yields a line for each backup that is on hold although its manifest is missing."""
    for name in inventory.strays:
        if _is_held(inventory, name):
            yield (
                f"{name.database}: {name.id} is held, but has no manifest: "
                "bring it back from the copy store, or litekeep release it"
            )


def _is_held(inventory: Inventory, name: BackupName) -> bool:
    return any(item.name == name.hold for item in inventory.objects[name])
