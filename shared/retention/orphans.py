"""Objects of no backup: what a killed backup stored before its manifest, or a killed cleanup left after it.

A backup that is being taken looks the same until its manifest is stored. So only what the store has had for
over a day goes, by the store's own dates, and only where nothing of the same backup is younger.
Objects whose names are not exactly those of a backup's are never touched.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.model.names import BackupName
from shared.retention.inventory import Inventory
from shared.stores import StoredObject

LEFT_FOR = timedelta(days=1)


def find_orphans(inventory: Inventory, store_now: datetime) -> list[tuple[BackupName, list[StoredObject]]]:
    """What may go of each backup that has objects and no manifest. Held ones keep theirs."""
    return [
        (name, inventory.beside_manifest(name))
        for name in sorted(inventory.strays, key=lambda name: name.prefix)
        if not _is_held(inventory, name)
        and all(store_now - item.created_at > LEFT_FOR for item in inventory.objects[name])
    ]


def held_orphans(inventory: Inventory) -> Iterator[str]:
    """What to tell of backups that are held, and whose manifest is gone all the same."""
    for name in inventory.strays:
        if _is_held(inventory, name):
            yield (
                f"{name.database}: {name.id} is held, but has no manifest: "
                "bring it back from the copy store, or litekeep release it"
            )


def _is_held(inventory: Inventory, name: BackupName) -> bool:
    return any(item.name == name.hold for item in inventory.objects[name])
