"""Deletes one backup before its retention ends, on request."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.catalog.backup import Backup
from shared.catalog.holds import is_held
from shared.clock import Clock, utc_now
from shared.errors import LitekeepError, UsageError
from shared.model import names
from shared.model.names import BackupName
from shared.retention.inventory import take_inventory
from shared.retention.lease import leased
from shared.retention.retired import is_retired
from shared.runtime.so_far import note, unsure
from shared.stores import Store

TASK = "cleanup"  # the lease that cleanups take, so that a deletion never runs at the same time


@dataclass(frozen=True)
class Removed:
    backup: BackupName
    objects: int
    size_bytes: int


def _allow(_: Backup) -> None:
    """Allow every deletion."""


def delete_backup(
    store: Store,
    backup_id: str,
    *,
    database: str | None = None,
    force: bool = False,
    check_allowed: Callable[[Backup], None] = _allow,
    clock: Clock = utc_now,
) -> Removed:
    """Deletes a backup, its manifest first, so that an interrupted delete leaves only orphaned objects.

    `check_allowed` is called last, and raises if the backup must not be deleted. Raises UsageError if there is no such
    backup or more than one, and LitekeepError if it is held, if another backup needs it, or if it is the last good one
    of a live database and `force` is not set.
    """
    with leased(store, TASK, clock) as lease:
        inventory = take_inventory(store)
        backup = _find(list(inventory.backups.values()), store, backup_id, database)
        name = backup.name
        if backup.hold or is_held(store, name):
            raise LitekeepError(f"cannot delete {name.id}: it is held; first run litekeep release {name.id}")
        needing = [each.name.id for each in inventory.candidates if name.id in each.needs and each.name != name]
        if needing:
            raise LitekeepError(
                f"cannot delete {name.id}: {needing[0]} cannot be restored without it; delete that first"
            )
        others = [each for each in inventory.backups.values() if each.name.database == name.database and each != backup]
        retired = is_retired(inventory.retired, name.database, (each.created_at for each in others))
        if backup.good and not force and not retired and not any(each.good for each in others):
            raise LitekeepError(
                f"cannot delete {name.id}: it is the last good backup of {name.database}; use --force if intended"
            )
        items = inventory.objects[name]
        note("delete", f"{name.id} was not deleted")
        check_allowed(backup)
        lease.check()
        first, *rest = sorted(items, key=lambda item: item.name != name.manifest)
        with unsure("delete", f"whether {name.id} is deleted is shown by litekeep list", f"{name.id} is deleted"):
            store.delete(first.name, first.generation)
        for item in rest:
            store.delete(item.name, item.generation)
    return Removed(name, len(items), sum(item.size_bytes for item in items))


def _find(backups: list[Backup], store: Store, backup_id: str, database: str | None) -> Backup:
    parsed = names.parse(backup_id)
    fitting = [
        backup
        for backup in backups
        if (backup.name == parsed.backup if parsed else backup.name.id == backup_id)
        and database in (None, backup.name.database)
    ]
    if not fitting:
        raise UsageError(f"no backup {backup_id!r} in {store.url}: see litekeep list")
    if len(fitting) > 1:
        places = ", ".join(f"{backup.name.kind}/{backup.name.database}" for backup in fitting)
        raise UsageError(f"{backup_id!r} could be any of {places}: add --database")
    return fitting[0]
