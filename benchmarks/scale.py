"""What scale costs in requests and memory: a bucket of 100,000 backups, and a fleet of 500 databases in ten tasks.

    python -m benchmarks.scale [--backups N] [--databases N] [--folder DIR]

Bucket and node are simulated on this machine. Counts are exact; CPU time and memory are those of the command's whole
process tree.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.contenders import environment
from benchmarks.measure import Sample, measure
from benchmarks.report import table
from litekeep.sample import make_sample
from tests.servers.gcs.crowded import Crowded, crowded_server
from tests.servers.sqlitecloud.server import Server

_MEGABYTE = 1_000_000
_DATABASES = 100  # of the bucket's backups
_TASKS = 10
_MAY_COMPLAIN = " || test $? = 1"  # what needs attention is no failure here
_COMMANDS = ("list --json", "status --json --database app-0007.db", "monitor", "cleanup --dry-run --json")


@dataclass(frozen=True)
class Cost:
    """`requests` are what the bucket, or the node, was asked."""

    what: str
    requests: int
    sample: Sample


def look_at_bucket(folder: Path, backups: int, say: Callable[[str], None]) -> list[Cost]:
    """Each command that looks at a whole store, once."""
    folder.mkdir(parents=True)
    crowded = Crowded(backups, min(_DATABASES, backups), datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    found = []
    with crowded_server(crowded) as url:
        own = environment() | {"STORAGE_EMULATOR_HOST": url, "BACKUP_STORE": "gs://crowded", "DATABASE_URL": "app.db"}
        for command in _COMMANDS:
            say(f"{backups:,} backups in a bucket: {command}")
            before = crowded.requests
            sample = measure(f"litekeep {command}{_MAY_COMPLAIN}", folder, own)
            found.append(Cost(f"{command.split(' --')[0]}, {backups:,} backups", crowded.requests - before, sample))
    return found


def back_up_fleet(folder: Path, databases: int, say: Callable[[str], None]) -> list[Cost]:
    """All databases of a node into one folder, by tasks one after the other, each as Cloud Run starts it."""
    node = folder / "node"
    node.mkdir(parents=True)
    make_sample(node / "fleet-000.db", scale=0.02)
    for number in range(1, databases):
        shutil.copyfile(node / "fleet-000.db", node / f"fleet-{number:03}.db")
    found = []
    with Server(node) as server:
        own = environment() | {
            "DATABASE_URL": server.url("fleet-000.db"),
            "BACKUP_DATABASES": "*",
            "BACKUP_STORE": "store",
            "CLOUD_RUN_TASK_COUNT": str(_TASKS),
        }
        for task in range(_TASKS):
            say(f"fleet of {databases}: task {task + 1} of {_TASKS}")
            before, there = _asked(server), _manifests(folder)
            sample = measure("python -m jobs.backup --kind daily", folder, own | {"CLOUD_RUN_TASK_INDEX": str(task)})
            made = _manifests(folder) - there
            found.append(Cost(f"task {task + 1}: {made} databases", _asked(server) - before, sample))
    if _manifests(folder) != databases:
        raise RuntimeError(f"{_manifests(folder)} of {databases} databases have a backup")
    return found


def _asked(server: Server) -> int:
    return sum(len(connection.requests) for connection in server.connections)


def _manifests(folder: Path) -> int:
    return len(list(folder.glob("store/*/*/*.manifest.json")))


def cost_table(heading: str, requests: str, costs: list[Cost]) -> str:
    """Markdown."""
    rows = [
        [cost.what, f"{cost.requests:,}", f"{cost.sample.cpu:.1f} s", f"{cost.sample.memory / _MEGABYTE:.0f} MB"]
        for cost in costs
    ]
    return table([heading, requests, "CPU", "memory"], rows)


def section(folder: Path, quick: bool, say: Callable[[str], None]) -> str:
    """For `python -m benchmarks`."""
    counts, databases = ((1_000,), 20) if quick else ((1_000, 10_000, 100_000), 500)
    bucket = [cost for count in counts for cost in look_at_bucket(folder / f"bucket-{count}", count, say)]
    fleet = back_up_fleet(folder / "fleet", databases, say)
    return "\n".join(
        [
            cost_table(f"a bucket of {_DATABASES} databases", "requests", bucket),
            cost_table(f"a fleet of {databases} databases, {_TASKS} tasks", "requests to the node", fleet),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--backups", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--databases", type=int, default=500, help="0 leaves the fleet out")
    parser.add_argument("--folder", type=Path, help="work below this one [TMPDIR]")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="litekeep-scale-", dir=options.folder))
    try:
        for count in options.backups:
            costs = look_at_bucket(folder / f"bucket-{count}", count, print)
            print(cost_table(f"a bucket of {_DATABASES} databases", "requests", costs), flush=True)
        if options.databases:
            costs = back_up_fleet(folder / "fleet", options.databases, print)
            print(cost_table(f"a fleet of {options.databases} databases", "requests to the node", costs))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
