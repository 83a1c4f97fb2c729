"""The safety backup of what is about to be overwritten."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from shared.clock import Clock
from shared.databases.location import Location
from shared.databases.snapshot import Snapshot
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX, WHOLE, Format
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.runtime.progress import Progress
from shared.stores import Store


@dataclass(frozen=True)
class Safety:
    """What is kept, where, and for how long."""

    location: Location
    store: Store
    key: WrappingKey | None
    keep_for: timedelta
    environment: str

    def take(
        self,
        clock: Clock,
        progress: Progress,
        *,
        snapshot: Callable[[Path], Snapshot] | None = None,
        allow_corrupt: bool = False,
        with_sql: bool = False,
    ) -> str:
        """Takes it and returns its id. `snapshot` makes the copy where the target is held locked.

        Without `with_sql` the pages alone are kept: there is nothing that they cannot carry, and somebody waits.
        Raises what `take_backup` does.
        """
        options = BackupOptions(
            location=self.location,
            store=self.store,
            key=self.key,
            kind=Kind.ON_DEMAND,
            keep_for=self.keep_for,
            environment=self.environment,
            formats=WHOLE if with_sql else (Format.SQLITE,),
            prefix=SAFETY_PREFIX,
            allow_corrupt=allow_corrupt,
        )
        return take_backup(options, snapshot=snapshot, clock=clock, progress=progress).manifest.id
