"""Requests and memory at scale: a bucket of 100,000 backups. For 500 databases in ten tasks see `fleet`.

    python -m benchmarks.scale [--backups N] [--folder DIR]

The bucket is simulated on this machine. Request counts are exact; CPU time and memory are of the command's whole
process tree.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import fleet
from benchmarks.contenders import environment
from benchmarks.measure import Sample, measure
from benchmarks.report import table
from tests.servers.gcs.crowded import Crowded, crowded_server

_MEGABYTE = 1_000_000
_DATABASES = 100  # of the bucket's backups
_MAY_COMPLAIN = " || test $? = 1"  # exit code 1 (something needs attention) is not a failure here
_COMMANDS = ("list --json", "status --json --database app-0007.db", "monitor", "cleanup --dry-run --json")


@dataclass(frozen=True)
class Cost:
    """The cost of one command; `requests` is the number of requests to the bucket."""

    what: str
    requests: int
    sample: Sample


def look_at_bucket(folder: Path, backups: int, say: Callable[[str], None]) -> list[Cost]:
    """Measures each command that lists a whole store, once."""
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


def cost_table(costs: list[Cost]) -> str:
    """Returns the costs as a Markdown table."""
    rows = [
        [cost.what, f"{cost.requests:,}", f"{cost.sample.cpu:.1f} s", f"{cost.sample.memory / _MEGABYTE:.0f} MB"]
        for cost in costs
    ]
    return table([f"a bucket of {_DATABASES} databases", "requests", "CPU", "memory"], rows)


def section(folder: Path, quick: bool, say: Callable[[str], None]) -> str:
    """Measures and returns this section of docs/benchmarks.md."""
    counts, databases = ((1_000,), 20) if quick else ((1_000, 10_000, 100_000), 500)
    bucket = [cost for count in counts for cost in look_at_bucket(folder / f"bucket-{count}", count, say)]
    return "\n".join([cost_table(bucket), fleet.fleet_table(fleet.back_up_fleet(folder / "fleet", databases, say))])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--backups", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="work below this one [TMPDIR]")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="litekeep-scale-", dir=options.folder))
    try:
        for count in options.backups:
            print(cost_table(look_at_bucket(folder / f"bucket-{count}", count, print)), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
