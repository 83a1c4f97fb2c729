"""`python -m benchmarks.continuous`: a day of continuous backups with a simulated clock, and restores of its moments.

    day      480 cycles, one every 3 minutes, with some failures; ten moments are restored and compared
    restore  restores the newest point and its base, from the store that `day` made
    large    4 GB: a base, an increment, and a restore, as whole commands
    cycle    a cycle of a job and of a loop, with its requests, and whole commands
    look     list, status, timeline and others on a week of points, in a folder and in a simulated bucket

Its output is for docs/benchmarks.md and docs/continuous.md; it is not a test.
"""

import argparse
import json
import os
import random
import resource
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import apsw

from benchmarks.continuous_costs import commands, cpu_used, cycles, of_gigabytes, points
from benchmarks.databases import make_database
from litekeep.timeline_screen import screen
from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.continuous.timeline import timeline
from shared.databases.snapshot import take_snapshot
from shared.errors import StoreError
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.model.lock_names import marks_prefix, parse_unchanged
from shared.operations.backup.options import BackupOptions
from shared.operations.continuous.cycle import Memory, Quiet, run_cycle
from shared.operations.verify.whole import rebuild_backup
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore

_BEGIN = datetime(2024, 1, 15, tzinfo=UTC)
_EVERY = timedelta(minutes=3)
_FAILS, _QUIET = 25, 8  # every 25th cycle fails, every 8th has no writes
_GAP, _VACUUM = (200, 210), 300  # skipped cycles; the cycle before which the database is vacuumed
_MOMENTS = 10


class Watched(FolderStore):
    """A folder store that counts its requests and fails at number `fails_at`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.requests, self.fails_at = 0, -1

    def _request(self) -> None:
        self.requests += 1
        if self.requests == self.fails_at:
            raise StoreError("the network is gone: try again")

    def list_objects(self, *arguments: Any) -> Any:
        self._request()
        return super().list_objects(*arguments)

    def create_from_file(self, *arguments: Any) -> Any:
        self._request()
        return super().create_from_file(*arguments)

    def open(self, *arguments: Any) -> Any:
        self._request()
        return super().open(*arguments)


@dataclass
class Day:
    """The simulated day and its results; `kept` are copies of the database at some moments."""

    folder: Path
    cycles: int
    chance: random.Random = field(default_factory=lambda: random.Random(480))
    now: datetime = _BEGIN
    kept: list[tuple[datetime, Path]] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    asked: dict[str, list[int]] = field(default_factory=dict)
    stored: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Watched(self.folder / "backups")
        path = self.folder / "app.key"
        self.key = KeyFile.read(path) if path.exists() else KeyFile.create(path)
        self.location = FileLocation(self.folder / "app.db")
        self.memory = Memory(self.folder / "memory")
        self.memory.folder.mkdir(exist_ok=True)

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.store, lambda: self.now)

    def run(self) -> None:
        usable = [number for number in range(2, self.cycles) if not _GAP[0] <= number < _GAP[1]]
        chosen = set(self.chance.sample(usable, min(_MOMENTS, len(usable))))
        for number in range(self.cycles):
            self.now += _EVERY
            if number % _QUIET or number in chosen:
                self._write(number)
            image = self._image("image") if number in chosen else None
            if _GAP[0] <= number < _GAP[1]:
                continue
            self._cycle(number, fails=number % _FAILS == _FAILS - 1 and number not in chosen)
            if image is not None:
                moment = self.now + timedelta(seconds=self.chance.randint(1, 170))
                self.kept.append((moment, image.rename(self.folder / f"kept-{number}.sqlite")))

    def _cycle(self, number: int, *, fails: bool) -> None:
        """Runs one cycle. Even numbers are cycles of a job, which has no memory, odd ones those of a loop."""
        backup_options = BackupOptions(self.location, self.store, self.key, Kind.CONTINUOUS, timedelta(days=7), "test")
        self.store.requests, self.store.fails_at = 0, self.chance.randint(1, 8) if fails else -1
        began = time.perf_counter()
        try:
            done = run_cycle(backup_options, self.memory if number % 2 else None, clock=lambda: self.now)
        except StoreError:
            self.found["failed"] += 1
            return
        finally:
            if not number % 2:
                self.memory.forget()
        result = "quiet"
        if not isinstance(done, Quiet):
            chain = done.manifest.chain
            assert chain is not None
            result = "increment" if chain.parent else "base"
            if chain.parent:
                self.stored.append(sum(artifact.size_bytes for artifact in done.manifest.artifacts))
                self.changed.append(chain.changed_pages)
        self.found[result] += 1
        how = f"{result}, {'loop' if number % 2 else 'job'}"
        self.seconds.setdefault(how, []).append(time.perf_counter() - began)
        self.asked.setdefault(how, []).append(self.store.requests)

    def _write(self, number: int) -> None:
        """Adds 100 events and 40 messages, and changes 50 users all over their table."""
        chance = self.chance
        with closing(apsw.Connection(str(self.location.path))) as db:
            if number == _VACUUM:
                db.execute("VACUUM")
            with db:
                (users,) = next(db.execute("SELECT max(id) FROM users"))
                for _ in range(100):
                    row = (chance.randint(1, users), "page.viewed", number, f'{{"ref":{chance.getrandbits(48)}}}', 1.5)
                    db.execute("INSERT INTO events(user_id, kind, at, payload, duration) VALUES(?, ?, ?, ?, ?)", row)
                for _ in range(40):
                    sent = (f"{chance.getrandbits(128):032x}", chance.randint(1, users), "message " * 25, "2024-01-15")
                    db.execute("INSERT INTO messages VALUES(?, ?, ?, ?)", sent)
                for _ in range(50):
                    balance = (chance.uniform(0, 500), chance.randint(1, users))
                    db.execute("UPDATE users SET balance = ? WHERE id = ?", balance)
        written = 1_700_000_000 + number  # a recent time proves nothing: a later write may get the same one
        os.utime(self.location.path, (written, written))

    def _image(self, name: str) -> Path:
        target = self.folder / f"{name}.sqlite"
        target.unlink(missing_ok=True)
        began = time.perf_counter()
        take_snapshot(self.location, target)
        self.seconds.setdefault("snapshot alone", []).append(time.perf_counter() - began)
        return target

    def compare(self) -> list[dict[str, Any]]:
        """Restores each kept moment and compares it byte for byte."""
        rows = []
        for moment, kept in self.kept:
            backup = self.catalog.find("latest", "app.db", moment)
            target = self.folder / "restored.sqlite"
            began = time.perf_counter()
            rebuild_backup(self.catalog, backup, self.key, target)
            seconds = time.perf_counter() - began
            chain = backup.chain
            assert chain is not None  # every backup in this store is a point
            same = target.read_bytes() == kept.read_bytes()
            away = (moment - backup.created_at).total_seconds()
            row = {"at": rfc3339(moment), "point": backup.name.id, "cycle": chain.cycle, "away_seconds": away}
            rows.append(row | {"same": same, "seconds": round(seconds, 2)})
            target.unlink()
        return rows

    def figures(self) -> dict[str, Any]:
        return {
            "cycles": dict(self.found),
            "seconds": {how: [round(median(each), 2), round(max(each), 2)] for how, each in self.seconds.items()},
            "requests": {how: [median(each), max(each)] for how, each in self.asked.items()},
            "stored_a_cycle": [round(median(self.stored)), max(self.stored)],
            "changed_pages": [median(self.changed), max(self.changed)],
            "stored": sum(item.size_bytes for item in self.store.list_objects("continuous/")),
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        }

    def screen(self) -> str:
        parsed = (parse_unchanged(i.name) for i in self.store.list_objects(marks_prefix(Kind.CONTINUOUS, "app.db")))
        marks = [mark.at for mark in parsed if mark is not None]
        return "\n".join(screen(timeline("app.db", self.catalog.backups(), marks, None, self.now)))


def day(options: argparse.Namespace) -> None:
    made = Day(options.folder, options.cycles)
    if not made.location.path.exists():
        make_database(made.location.path, options.megabytes)
    made.run()
    print(json.dumps(made.figures(), indent=1), flush=True)
    print(made.screen(), flush=True)
    for row in made.compare():
        print(json.dumps(row), flush=True)
    restore(options)


def restore(options: argparse.Namespace) -> None:
    """Measures restores of the point with the longest path and of its base, alternately."""
    made = Day(options.folder, options.cycles, now=_BEGIN + timedelta(days=30))
    listed = made.catalog.backups(Kind.CONTINUOUS, "app.db")
    newest = max(listed, key=lambda backup: len(made_path(listed, backup)))
    assert newest.chain is not None
    base = next(each for each in listed if each.name.id == newest.chain.base)
    seconds: dict[str, list[float]] = {"base": [], "newest": []}
    cpu: dict[str, list[float]] = {"base": [], "newest": []}
    for _ in range(options.rounds + 1):
        for which, backup in (("base", base), ("newest", newest)):
            target = options.folder / f"{which}.sqlite"
            began, used = time.perf_counter(), cpu_used()
            rebuild_backup(made.catalog, backup, made.key, target)
            seconds[which].append(time.perf_counter() - began)
            cpu[which].append(cpu_used() - used)
            target.unlink()
    for what, found in (("seconds", seconds), ("cpu", cpu)):
        one, other = (median(found[which][1:]) for which in ("base", "newest"))
        ratio = {"base": round(one, 2), "point": round(other, 2), "ratio": round(other / one, 2)}
        print(json.dumps({"of": what, **ratio, "steps": len(made_path(listed, newest))}), flush=True)


def made_path(points: list[Any], backup: Any) -> list[str]:
    known = {each.name.id: each.chain.parent for each in points}
    path = [backup.name.id]
    while (parent := known.get(path[-1])) is not None:
        path.append(parent)
    return path


def large(options: argparse.Namespace) -> None:
    _say(of_gigabytes(options.folder, options.gigabytes))


def cycle(options: argparse.Namespace) -> None:
    made = Day(options.folder, options.cycles, random.Random())
    if not made.location.path.exists():
        make_database(made.location.path, options.megabytes)
    backup_options = BackupOptions(made.location, made.store, made.key, Kind.CONTINUOUS, timedelta(days=7), "test")

    def write() -> datetime:
        made.now += _EVERY
        made._write(int(made.now.timestamp()) % 10**6)
        return made.now

    newest = made.catalog.backups(Kind.CONTINUOUS, "app.db")
    made.now = newest[0].created_at if newest else made.now
    _say(cycles(backup_options, made.memory, options.rounds, write, lambda: made.store.requests))
    _say(commands(options.folder, "UPDATE users SET balance = balance + 1 WHERE id % 1000 = 0"))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def look(options: argparse.Namespace) -> None:
    _say(points(options.folder, options.points))


_WHAT = {"day": day, "restore": restore, "large": large, "cycle": cycle, "look": look}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.continuous", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=list(_WHAT))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cycles", type=int, default=480)
    parser.add_argument("--megabytes", type=int, default=127)
    parser.add_argument("--gigabytes", type=int, default=4)
    parser.add_argument("--points", type=int, default=3360)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    _WHAT[options.what](options)


if __name__ == "__main__":
    main()
