"""A database, cycles at chosen times, and a copy of the database at each of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.catalog.paths import manifests_below
from shared.continuous.path import Parents, path_to
from shared.continuous.rebuild import rebuild_pages
from shared.databases.snapshot import take_snapshot
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.manifest import Manifest
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken
from shared.operations.continuous.cycle import Memory, Quiet, run_cycle
from shared.operations.verify.whole import rebuild_backup
from shared.sqlite.location import FileLocation
from shared.stores import Store, open_store

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)
NUMBERS = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n)"


@dataclass
class Yard:
    """`was` maps the id of a point to a snapshot of the database at that time."""

    folder: Path
    key: WrappingKey | None = None
    now: datetime = NOON
    was: dict[str, bytes] = field(default_factory=dict)
    copies: Store | None = None

    def __post_init__(self) -> None:
        self.store: Store = open_store(str(self.folder / "backups"))
        self.write("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
        self.write(f"{NUMBERS} INSERT INTO t SELECT v, randomblob(300) FROM n LIMIT 400")

    @property
    def path(self) -> Path:
        return self.folder / "app.db"

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.store, lambda: self.now)

    @property
    def options(self) -> BackupOptions:
        return BackupOptions(
            location=FileLocation(self.path),
            store=self.store,
            key=self.key,
            kind=Kind.CONTINUOUS,
            keep_for=WEEK,
            environment="test",
            copy_store=self.copies,
        )

    def write(self, sql: str) -> None:
        with closing(apsw.Connection(str(self.path))) as connection:
            connection.execute(sql)

    def cycle(self, memory: Memory | None = None, after: timedelta = MINUTE) -> Taken | Quiet:
        """Run a cycle `after` the last, and keep a snapshot if it makes a point."""
        self.now += after
        done = run_cycle(self.options, memory, clock=lambda: self.now)
        if isinstance(done, Taken):
            self.was[done.manifest.id] = self.image()
        return done

    def point(self, sql: str, memory: Memory | None = None, after: timedelta = MINUTE) -> Manifest:
        """Write to the database and make a point of the change."""
        self.write(sql)
        done = self.cycle(memory, after)
        assert isinstance(done, Taken), "no change was found"
        return done.manifest

    def image(self) -> bytes:
        copy = self.folder / "looked-at"
        take_snapshot(FileLocation(self.path), copy)
        try:
            return copy.read_bytes()
        finally:
            copy.unlink()

    def points(self) -> list[Backup]:
        """Return the points, oldest first."""
        return self.catalog.backups(Kind.CONTINUOUS)[::-1]

    def restored(self, backup: Backup) -> bytes:
        with self.room() as target:
            rebuild_backup(self.catalog, backup, self.key, target)
            return target.read_bytes()

    @contextmanager
    def room(self) -> Iterator[Path]:
        target = self.folder / "restored.db"
        try:
            yield target
        finally:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{target}{suffix}").unlink(missing_ok=True)

    def rebuilt(self, backup: Backup) -> bytes:
        """Rebuild a point in this process, without the checks of a restore."""
        manifest, data_key = open_manifest(self.catalog, backup, self.key)
        with self.room() as target:
            parents = Parents(self.key, manifests_below(backup))
            rebuild_pages(self.store, path_to(self.store, manifest, data_key, parents), target)
            return target.read_bytes()

    def check_every_point(self) -> None:
        """Check that each good point restores byte for byte."""
        for backup in self.points():
            if backup.good:
                assert self.rebuilt(backup) == self.was[backup.name.id], backup.name.id
