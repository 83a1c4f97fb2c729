"""The safety backup, taken of a database before it is overwritten."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from shared.clock import Clock
from shared.databases.location import Location
from shared.databases.snapshot import Snapshot
from shared.errors import CorruptSource
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX, WHOLE, Format
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.runtime.progress import Progress
from shared.stores import Store


@dataclass(frozen=True)
class SafetyBackup:
    """Which database is backed up, to which store, and for how long the backup is kept."""

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
        """Takes the backup and returns its id. `snapshot` copies a database that the caller holds locked.

        Without `with_sql` only the page image is stored: it is complete, and a restore is waiting for it.
        Raises what `take_backup` raises.
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

    def take_even_damaged(
        self, clock: Clock, progress: Progress, *, snapshot: Callable[[Path], Snapshot] | None = None
    ) -> str:
        """Takes the backup and returns its id. Of a damaged database the pages are stored, marked as not good."""
        try:
            return self.take(clock, progress, snapshot=snapshot)
        except CorruptSource:  # damage is why people restore
            return self.take(clock, progress, snapshot=snapshot, allow_corrupt=True)
