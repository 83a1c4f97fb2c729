"""The cost of a fleet: 500 databases of a node, backed up by ten tasks of one execution, as on Cloud Run.

    python -m benchmarks.fleet [--databases N] [--folder DIR]

The node is simulated on this machine. One task is killed half way and retried, and two tasks are started a second time.
In the end each database must have exactly one backup. Requests are those to the node.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import environment
from benchmarks.measure import Sample, measure
from benchmarks.report import table
from litekeep.sample import make_sample
from tests.servers.sqlitecloud.server import Server

_MEGABYTE = 1_000_000
_TASKS = 10
_KILLED = 3  # the task that is killed
_POLL_SECONDS = 0.1  # between two checks of the store
_JOB = "python -m jobs.backup --kind daily"


@dataclass(frozen=True)
class Cost:
    """The cost of one task; `made` is the number of databases that it backed up."""

    what: str
    made: int
    requests: int
    sample: Sample


def back_up_fleet(folder: Path, databases: int, say: Callable[[str], None]) -> list[Cost]:
    """Backs up all databases of a node to a folder, one task after the other.

    Raises RuntimeError if a database has no backup, or more than one.
    """
    _make_node(folder / "node", databases)
    found = []
    with Server(folder / "node") as server:
        own = environment() | {
            "DATABASE_URL": server.url("fleet-000.db"),
            "BACKUP_DATABASES": "*",
            "BACKUP_STORE": "store",
            "CLOUD_RUN_TASK_COUNT": str(_TASKS),
        }
        for task in range(_TASKS):
            say(f"fleet of {databases}: task {task} of {_TASKS}")
            run = own | _attempt("first", task)
            if task == _KILLED:
                half = _kill_half_way(folder, run, databases // _TASKS // 2)
                say(f"task {task} is killed after {half} backups")
                found.append(_cost(f"task {task}, tried again", folder, server, run | {"CLOUD_RUN_TASK_ATTEMPT": "1"}))
            else:
                found.append(_cost(f"task {task}", folder, server, run))
        _check_one_backup_each(folder, databases)
        say(f"fleet of {databases}: the same slot, started a second time")
        found += [
            _cost(f"task {task}, started twice", folder, server, own | _attempt("second", task)) for task in (0, 1)
        ]
        _check_one_backup_each(folder, databases)
    return found


def _make_node(node: Path, databases: int) -> None:
    node.mkdir(parents=True)
    make_sample(node / "fleet-000.db", scale=0.02)
    for number in range(1, databases):
        shutil.copyfile(node / "fleet-000.db", node / f"fleet-{number:03}.db")


def _attempt(execution: str, task: int) -> dict[str, str]:
    return {"CLOUD_RUN_EXECUTION": execution, "CLOUD_RUN_TASK_INDEX": str(task), "CLOUD_RUN_TASK_ATTEMPT": "0"}


def _cost(what: str, folder: Path, server: Server, own: Mapping[str, str]) -> Cost:
    requests, backups = _requests(server), _backups(folder).total()
    sample = measure(_JOB, folder, own)
    return Cost(what, _backups(folder).total() - backups, _requests(server) - requests, sample)


def _kill_half_way(folder: Path, own: Mapping[str, str], after: int) -> int:
    """Kills the task during a backup. Returns the number of backups that it had made."""
    before = _backups(folder).total()
    with (folder / "killed.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *_JOB.split()[1:]], cwd=folder, env=dict(own), stdout=output, stderr=subprocess.STDOUT
        )
        while _backups(folder).total() < before + after:
            if process.poll() is not None:
                raise RuntimeError(f"the task ended by itself: {(folder / 'killed.txt').read_text()[-500:]}")
            time.sleep(_POLL_SECONDS)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return _backups(folder).total() - before


def _requests(server: Server) -> int:
    return sum(len(connection.requests) for connection in server.connections)


def _backups(folder: Path) -> Counter[str]:
    """Counts the backups of each database."""
    return Counter(path.parent.name for path in folder.glob("store/*/*/*.manifest.json"))


def _check_one_backup_each(folder: Path, databases: int) -> None:
    found = _backups(folder)
    if len(found) != databases or set(found.values()) != {1}:
        raise RuntimeError(f"{len(found)} of {databases} databases, some with {max(found.values())} backups")


def fleet_table(costs: list[Cost]) -> str:
    """Returns the costs as a Markdown table."""
    rows = [
        [
            cost.what,
            f"{cost.made}",
            f"{cost.requests:,}",
            f"{cost.sample.cpu:.1f} s",
            f"{cost.sample.memory / _MEGABYTE:.0f} MB",
        ]
        for cost in costs
    ]
    return table(
        [f"a fleet on one node, {_TASKS} tasks", "backups made", "requests to the node", "CPU", "memory"], rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--databases", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="work below this one [TMPDIR]")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="litekeep-fleet-", dir=options.folder))
    try:
        print(fleet_table(back_up_fleet(folder / "fleet", options.databases, lambda line: print(line, flush=True))))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
