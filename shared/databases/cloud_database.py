"""A live database on SQLite Cloud. Loads the driver, so only `live_database` imports this module."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from shared.databases.interface import Condition, Snapshot
from shared.model.manifest import Source
from shared.runtime.progress import Progress, silent
from shared.sqlitecloud import health, snapshot
from shared.sqlitecloud.location import CloudLocation


class CloudDatabase:
    """Implements `LiveDatabase`."""

    counts_writes = True

    def __init__(self, location: CloudLocation) -> None:
        self._location = location

    def snapshot(self, destination: Path, *, allow_corrupt: bool, progress: Progress) -> Snapshot:
        def watch(done: int, total: int) -> None:
            progress("snapshot", done, total)

        image, origin = snapshot.snapshot_cloud(self._location, destination, allow_corrupt=allow_corrupt, watch=watch)
        return Snapshot(image.path, origin, image.journal_mode, image.size_bytes)

    def pages(self, destination: Path) -> Path:
        return self.snapshot(destination, allow_corrupt=False, progress=silent).path

    def describe(self) -> str:
        return snapshot.describe(self._location)

    def health(self, now: datetime, *, restores: bool) -> Iterator[Condition]:
        for found in health.check(self._location.address, self._location.database, now, restores=restores):
            yield Condition(found.name, found.ok, found.detail)

    def fingerprint(self) -> str | None:
        return None  # the manifest's source has the node's count of writes

    def is_source_of(self, source: Source) -> bool:
        return (source.type, source.host) == ("sqlitecloud", self._location.address.host)

    def unchanged_since(self, source: Source) -> bool:
        return snapshot.unchanged_since(self._location, source)
