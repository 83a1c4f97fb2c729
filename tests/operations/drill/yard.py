"""A small database with real backups in a folder store, taken at chosen times, and drills of them."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.drill.app_checks import AppCheck, parse_app_checks
from shared.operations.drill.drill import Drill
from shared.operations.drill.run import DrillOptions, drill_database
from shared.operations.verify.ladder import verify_backup
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore

SUNDAY = datetime(2024, 2, 4, 3, tzinfo=UTC)
SECRET = "Q7-NEVER-SHOWN"
_TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users, cents INTEGER);
"""


@dataclass
class Ticks:
    """A stopwatch that advances by the next of `steps` each time it is read."""

    steps: list[float] = field(default_factory=list)
    at: float = 0.0

    def __call__(self) -> float:
        self.at += self.steps.pop(0) if self.steps else 1.0
        return self.at


@dataclass
class Yard:
    folder: Path

    def __post_init__(self) -> None:
        with closing(apsw.Connection(str(self.folder / "app.db"))) as connection, connection:
            connection.execute(_TABLES)
            connection.executemany("INSERT INTO users VALUES (?, ?)", [(n, f"{SECRET} {n}") for n in range(1, 51)])
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(n, 1 + n % 50, n) for n in range(1, 201)])

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.folder / "backups")

    @property
    def copy(self) -> FolderStore:
        return FolderStore(self.folder / "copy")

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.store)

    def take(
        self,
        name: str,
        *,
        hours_ago: float = 3,
        kind: Kind = Kind.DAILY,
        verified: bool = True,
        copied: bool = False,
    ) -> BackupName:
        """Takes a backup, dated that long before the Sunday of the drill."""
        moment = SUNDAY - timedelta(hours=hours_ago)
        options = BackupOptions(
            FileLocation(self.folder / "app.db"),
            self.store,
            None,
            kind,
            timedelta(days=30),
            "test",
            name=name,
            copy_store=self.copy if copied else None,
        )
        taken = take_backup(options, clock=lambda: moment)
        if verified:
            assert verify_backup(self.catalog, self.find(name), None, clock=lambda: moment).ok
        return taken.manifest.name

    def find(self, name: str) -> Backup:
        return next(backup for backup in self.catalog.backups() if backup.name.id == name)

    def path(self, object_name: str, *, copy: bool = False) -> Path:
        return self.folder / ("copy" if copy else "backups") / object_name

    def drill(
        self,
        *,
        copy: bool = False,
        checks: str = "",
        ticks: Iterable[float] = (),
        seed: int = 1,
        backups: Sequence[Backup] | None = None,
        **more: Any,
    ) -> Drill:
        app_checks: list[AppCheck] = parse_app_checks(checks, "checks.sql")
        options = DrillOptions(self.catalog, Catalog(self.copy) if copy else None, None, app_checks, seed, **more)
        found = self.catalog.backups() if backups is None else backups
        return drill_database(options, "app.db", found, clock=lambda: SUNDAY, stopwatch=Ticks(list(ticks)))


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
