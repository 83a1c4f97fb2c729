"""Erasure options and events of the commands that read data out of a backup.

Other jobs must not import this module: replaying needs SQLite, which their images do not have.
"""

from collections.abc import Iterable

from shared.events.log import Event, EventLog, Field
from shared.model.names import BackupName
from shared.operations.erasure.pending import ErasureOptions
from shared.operations.erasure.replayed import Replayed
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.policy import check_without_erasures
from shared.text import count


def erasure_options(settings: Settings, *, without: bool, absent: Iterable[str], alone: bool = True) -> ErasureOptions:
    """Returns how erasures are replayed. Raises NotPermitted where --without-erasures needs two persons.

    `alone=False` skips that check: the caller checks the run against a permit.
    """
    if without and alone:
        check_without_erasures(settings)
    witness = open_store(settings.backup_copy_store) if settings.backup_copy_store else None
    return ErasureOptions(without=without, absent=frozenset(absent), witness=witness)


def emit_erasures(log: EventLog, name: BackupName, backup_id: str, target: str, erased: Replayed | None) -> None:
    """Emits the event of a replay, if there was one."""
    if erased is None:
        return
    fields: dict[str, Field] = {
        "database": name.database,
        "backup_id": backup_id,
        "kind": name.kind.value,
        "target": target,
        "erasures": len(erased.entries),
        "rows": erased.rows,
    }
    log.emit(
        Event.ERASE_REPLAYED,
        f"{count(len(erased.entries), 'erasure was', 'erasures were')} replayed on {backup_id}",
        fields,
    )
