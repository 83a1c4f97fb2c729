"""The platform's own continuous backups, as whole copies of the database.

Each change of a database with backups enabled is kept as a whole copy, with the clock's time. Copies older
than the retention are removed, except the newest of them, which the oldest restorable time still needs."""

import re
import shutil
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.servers.sqlitecloud.catalog import Catalog, Database
from tests.servers.sqlitecloud.clock import Clock, stamp
from tests.servers.sqlitecloud.errors import GENERIC, Refusal
from tests.servers.sqlitecloud.snapshot import copy_database
from tests.servers.sqlitecloud.wire import Value

BACKUP, RETENTION, INTERVAL = "backup", "backup_retention", "backup_snapshot_interval"
DEFAULT_RETENTION, DEFAULT_INTERVAL = "24h", "24h"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Capture:
    created: datetime
    generation: str
    index: int
    kind: str
    path: Path

    def row(self) -> tuple[Value, ...]:
        size = self.path.stat().st_size
        return self.kind, "s3", self.generation, self.index, 0, size, stamp(self.created)


@dataclass
class Plan:
    """The settings of one database as of the last APPLY BACKUP SETTINGS."""

    retention: timedelta
    interval: timedelta
    generation: str
    commits: int = -1


class NativeBackups:
    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._plans: dict[str, Plan] = {}
        self._kept: dict[str, list[Capture]] = {}
        self._lock = threading.RLock()
        self._folder = catalog.hidden / "native"
        self._folder.mkdir(exist_ok=True)

    def apply(self) -> None:
        """Applies the `backup*` keys of all databases. A newly enabled database is copied at once."""
        with self._lock:
            for database in self._catalog.all():
                keys = database.keys
                if keys.get(BACKUP) != "1":
                    self._plans.pop(database.name, None)
                    continue
                retention = duration(keys.get(RETENTION, DEFAULT_RETENTION))
                interval = duration(keys.get(INTERVAL, DEFAULT_INTERVAL))
                if (plan := self._plans.get(database.name)) is not None:
                    plan.retention, plan.interval = retention, interval
                    continue
                self._plans[database.name] = Plan(retention, interval, uuid.uuid4().hex[:16])
                self.capture(database)

    def watched(self, database: Database) -> bool:
        return database.name in self._plans

    def names(self) -> list[str]:
        return sorted(self._plans)

    def after_write(self, database: Database) -> None:
        """Keeps a copy of a watched database if it has changed since the last one."""
        plan = self._plans.get(database.name)
        if plan is not None and plan.commits != database.commits and not database.removed:
            self.capture(database)

    def capture(self, database: Database) -> None:
        """Keeps a copy of the current state."""
        with self._lock:
            plan = self._plans.get(database.name)
            if plan is None:
                raise Refusal(GENERIC, f"Backups are not enabled for database {database.name}.")
            kept = self._kept.setdefault(database.name, [])
            plan.commits = database.commits
            now = self._clock.now()
            path = self._folder / uuid.uuid4().hex
            with database.gate.shared():
                copy_database(database.path, path)
            snapshots = [one for one in kept if one.kind == "snapshot" and one.generation == plan.generation]
            fresh = bool(snapshots) and now - snapshots[-1].created < plan.interval
            index = kept[-1].index + 1 if kept else 0
            kept.append(Capture(now, plan.generation, index, "wal" if fresh else "snapshot", path))
            self._prune(database.name, plan)

    def kept(self, name: str) -> list[Capture]:
        """Returns the copies that can be restored now. Raises Refusal if there are none."""
        with self._lock:
            if name in self._plans:
                self._prune(name, self._plans[name])
            found = list(self._kept.get(name, []))
        if not found:
            raise Refusal(GENERIC, f"No backups found for database {name}.")
        return found

    def restore(
        self, name: str, moment: datetime | None, generation: str | None = None, index: int | None = None
    ) -> None:
        """Replaces the database with the newest copy that is not after `moment`."""
        with self._lock:
            usable = [
                one
                for one in self.kept(name)
                if (moment is None or one.created <= moment)
                and (generation is None or one.generation == generation)
                and (index is None or one.index <= index)
            ]
            if not usable:
                raise Refusal(GENERIC, f"No backup of database {name} covers what was asked for.")
            path = self._catalog.temporary()
            shutil.copyfile(usable[-1].path, path)
            database = self._catalog.get(name)
            self._catalog.publish(path, name, key=database.key, replace=True)
            if (plan := self._plans.get(name)) is not None:
                plan.generation = uuid.uuid4().hex[:16]
                self.capture(database)

    def _prune(self, name: str, plan: Plan) -> None:
        kept = self._kept.get(name, [])
        edge = self._clock.now() - plan.retention
        while len(kept) > 1 and kept[1].created <= edge:
            kept.pop(0).path.unlink()


def duration(text: str) -> timedelta:
    """Parses `24h`, `90m`, `30s` or `7d`. A bare number is taken for seconds, which is a guess."""
    found = re.fullmatch(r"(\d+)([smhd]?)", text)
    if not found:
        raise Refusal(GENERIC, f"Invalid duration {text}.")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2] or "s"])
