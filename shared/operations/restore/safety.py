"""The safety backup of what a restore replaces."""

from collections.abc import Callable
from pathlib import Path

from shared.clock import Clock
from shared.databases.interface import Snapshot
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX, Format
from shared.operations.backup import BackupOrder, take_backup
from shared.operations.restore.order import RestoreOrder
from shared.runtime.progress import Progress


def safety_backup(
    order: RestoreOrder,
    clock: Clock,
    progress: Progress,
    *,
    snapshot: Callable[[Path], Snapshot] | None = None,
    allow_corrupt: bool = False,
) -> str:
    """Takes it and returns its id. `snapshot` makes the copy where the target is held locked."""
    taken = take_backup(
        BackupOrder(
            location=order.target,
            store=order.safety_in or order.catalog.store,
            key=None if order.safety_in else order.key,
            kind=Kind.ON_DEMAND,
            keep_for=order.keep_safety_for,
            environment=order.environment,
            # The pages alone: the database is locked meanwhile, and there is nothing that they cannot carry.
            formats=(Format.SQLITE,),
            prefix=SAFETY_PREFIX,
            allow_corrupt=allow_corrupt,
        ),
        snapshot=snapshot,
        clock=clock,
        progress=progress,
    )
    return taken.manifest.id
