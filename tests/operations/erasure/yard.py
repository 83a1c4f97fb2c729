"""A database of people, its backups at chosen times, and erasures in the store's ledger."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.catalog.listing import Backup, Catalog
from shared.databases.snapshot import Snapshot, take_snapshot
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.manifest import Manifest
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken, take_backup
from shared.operations.continuous.cycle import run_cycle
from shared.operations.erasure.pending import ErasureOptions
from shared.operations.erasure.record import EraseOptions, Recorded, record
from shared.operations.restore.options import Restored, RestoreOptions
from shared.operations.restore.run import restore
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore
from tests.operations.erasure.builders import database

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@dataclass
class ErasureYard:
    folder: Path
    key: WrappingKey | None
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.path = database(
            self.folder / "app.db",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT)",
            "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n)"
            " INSERT INTO users SELECT v, 'person' || v || '@people.example' FROM n LIMIT 5000",
        )
        self.store, self.copies = self.store_at("backups"), self.store_at("copies")

    def store_at(self, name: str) -> FolderStore:
        (self.folder / name).mkdir(exist_ok=True)
        return FolderStore(self.folder / name)

    def file(self, name: str) -> Path:
        return self.folder / "backups" / name

    def options(self, kind: Kind = Kind.DAILY) -> BackupOptions:
        return BackupOptions(
            location=FileLocation(self.path),
            store=self.store,
            key=self.key,
            kind=kind,
            keep_for=WEEK,
            environment="test",
        )

    def backup(self, at: datetime, *, lasting: timedelta = timedelta(0)) -> Manifest:
        """Takes a backup whose snapshot begins at that time."""
        now = [at]

        def snapshot(target: Path) -> Snapshot:
            copied = take_snapshot(FileLocation(self.path), target)
            now[0] += lasting
            return copied

        return take_backup(self.options(), snapshot=snapshot, clock=lambda: now[0]).manifest

    def point(self, at: datetime, *, lasting: timedelta = timedelta(0)) -> Manifest:
        """Stores a point of the chain, or its base, whose snapshot begins at that time."""
        database(self.path, f"INSERT INTO users(email) VALUES('later{next(self._numbers)}@people.example')")
        times = itertools.chain([at], itertools.repeat(at + lasting))
        done = run_cycle(self.options(Kind.CONTINUOUS), clock=lambda: next(times))
        assert isinstance(done, Taken)
        return done.manifest

    def erase(self, person: int, at: datetime, store: FolderStore | None = None) -> Recorded:
        own = store is None
        options = EraseOptions(
            store=store or self.store,
            copy_store=self.copies if own else None,
            key=self.key,
            database="app.db",
            schema=self.path,
            table="users",
            column="email",
            values=[f"person{person}@people.example"],
        )
        return record(options, clock=lambda: at)

    def backup_of(self, made: Manifest) -> Backup:
        return next(each for each in Catalog(self.store).backups() if each.name == made.name)

    def restored(self, made: Manifest, target: Path, witness: FolderStore | None = None) -> Restored:
        """Restores the backup to a file, with the usual replay of erasures."""
        erasures = ErasureOptions(witness=witness)
        options = RestoreOptions(
            Catalog(self.store), self.backup_of(made), self.key, FileLocation(target), erasures=erasures
        )
        return restore(options)


Harm = Callable[[ErasureYard], None]
