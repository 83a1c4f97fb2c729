"""The cost of one cycle, and of listing a week of points: parts of `python -m benchmarks.continuous`."""

import json
import random
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.contenders import environment
from benchmarks.measure import Sample, measure
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.continuous.cycle import Memory, run_cycle
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore
from tests.servers.gcs.crowded import crowded_server
from tests.servers.gcs.crowded_chain import CrowdedChain

_WEEK = timedelta(days=7)
_EVERY = timedelta(minutes=3)
_LARGE = "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, x)"
_LOOKS = (
    "list --json",
    "list --kind continuous --json",
    "status --json",
    "timeline --json",
    "monitor --json",
    "cleanup --dry-run --json",
)
Write = Callable[[], datetime]  # writes to the database and returns the time of the write
Requests = Callable[[], int]  # returns the number of requests to the store so far
_MAY_COMPLAIN = " || test $? = 1"  # exit code 1 (something needs attention) is not a failure here


def commands(folder: Path, write: str) -> Iterator[str]:
    """Measures a base, an increment after `write`, and a cycle without changes: whole commands on `folder`/app.db."""
    own = environment() | {"BACKUP_KEY": "file:out.key", "BACKUP_STORE": "commands"}
    if not (folder / "out.key").exists():
        measure("litekeep keygen out.key", folder, own)
    cycle = "litekeep backup --kind continuous"
    old = "touch -d 2024-01-{} app.db"  # a recent modification time does not prove that nothing was written
    for step, command in (
        ("base", f"{old.format(15)}; {cycle}"),
        ("increment", f"sqlite3 app.db '{write}'; {old.format(16)}; {cycle}"),
        ("nothing written", cycle),
        ("restore of the increment", "litekeep restore --backup latest --to back.db; rm back.db"),
    ):
        yield f"{step}: {_figures(measure(command, folder, own))}"


def of_gigabytes(folder: Path, gigabytes: int) -> Iterator[str]:
    """Measures the same on a database of this many gigabytes, with most of its pages nearly empty."""
    path = folder / "app.db"
    if not path.exists():
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.executescript(_LARGE)
            for _ in range(10 * gigabytes):
                db.execute("INSERT INTO t(x) VALUES(zeroblob(100000000))")
    yield from commands(folder, "CREATE TABLE u(x); INSERT INTO u VALUES(1)")


def cycles(
    options: BackupOptions, memory: Memory, rounds: int, write: Write, requests_so_far: Requests
) -> Iterator[str]:
    """Measures cycles in this process, each after a write: of a job, which has no memory, and of a loop."""
    for how, loop_memory in (("job", None), ("loop", memory)):
        found: list[tuple[float, float, int]] = []
        for _ in range(rounds + 1):
            now, before = write(), requests_so_far()
            wall, cpu = time.perf_counter(), time.process_time()
            run_cycle(options, loop_memory, clock=lambda at=now: at)  # type: ignore[misc]
            found.append((time.perf_counter() - wall, time.process_time() - cpu, requests_so_far() - before))
        wall, cpu, requests = (median(each) for each in zip(*found[1:], strict=True))
        yield f"{how}: {wall:.2f} s, {cpu:.2f} s of CPU, {requests:.0f} requests"


def points(folder: Path, count: int) -> Iterator[str]:
    """Measures each command that lists a store, with `count` points in a folder and in a simulated bucket."""
    if not (folder / "backups").exists():
        _fill(folder, count)
    own = environment() | {"BACKUP_KEY": "file:app.key", "BACKUP_STORE": "backups"}
    yield f"litekeep --version: {_figures(measure('litekeep --version', folder, own))}"
    for command in _LOOKS:
        yield f"folder, {command}: {_figures(measure(f'litekeep {command}{_MAY_COMPLAIN}', folder, own))}"
    crowded = CrowdedChain(count, "app.db", datetime.now(UTC).replace(second=0, microsecond=0))
    with crowded_server(crowded) as url:
        own |= {"STORAGE_EMULATOR_HOST": url, "BACKUP_STORE": "gs://crowded", "BACKUP_KEY": "none"}
        for command in _LOOKS:
            crowded.requests = 0
            sample = measure(f"litekeep {command}{_MAY_COMPLAIN}", folder, own)
            yield f"bucket, {command}: {crowded.requests} requests, {_figures(sample)}"


def cpu_used() -> float:
    """Returns the CPU seconds of this process and of the children that it waited for."""
    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in own)


def _fill(folder: Path, count: int) -> None:
    database, chance = folder / "app.db", random.Random(count)
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
        db.executemany("INSERT INTO t(x) VALUES(?)", ((chance.randbytes(3000),) for _ in range(400)))
        db.commit()
    store, key, memory = FolderStore(folder / "backups"), KeyFile.create(folder / "app.key"), Memory(folder / "memory")
    memory.folder.mkdir()
    options = BackupOptions(FileLocation(database), store, key, Kind.CONTINUOUS, _WEEK, "development")
    began = datetime.now(UTC).replace(microsecond=0) - count * _EVERY
    for number in range(1, count + 1):
        with closing(sqlite3.connect(database)) as db:
            db.execute("UPDATE t SET x = ? WHERE id = ?", (chance.randbytes(2999), chance.randint(1, 400)))
            db.commit()
        run_cycle(options, memory, clock=lambda at=began + number * _EVERY: at)  # type: ignore[misc]


def _figures(sample: Sample) -> str:
    return json.dumps({"seconds": round(sample.wall, 2), "cpu": round(sample.cpu, 2), "memory_mb": sample.memory >> 20})
