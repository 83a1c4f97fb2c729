"""`python -m benchmarks`: measures everything, and writes docs/benchmarks.md and docs/benchmarks.svg."""

import argparse
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import apsw

from benchmarks import report, scale, shapes, sqlitecloud
from benchmarks.bucket import measure_upload
from benchmarks.contenders import ROOT, environment
from benchmarks.databases import make_database
from benchmarks.goals import Results, goals
from benchmarks.plot import draw
from benchmarks.rounds import Plan, Result, run_rounds
from benchmarks.shelf import looking, start_up
from benchmarks.stages import measure_stages

_FULL = (Plan(10, rounds=5), Plan(127, rounds=4), Plan(1000, rounds=2, warm_ups=0, with_slow=False))
_LARGE = Plan(4000, rounds=1, warm_ups=0, with_slow=False, goals_only=True)
_QUICK = (Plan(10, rounds=2, warm_ups=0), Plan(127, rounds=2, warm_ups=0, with_slow=False))
_STAGES_MEGABYTES = 127
_CONTINUOUS = Path(__file__).with_name("continuous.md")  # written by hand from `python -m benchmarks.continuous`
_REASONS = Path(__file__).with_name("reasons.md")  # written by hand: revise it after a new measurement
_PROGRAMS = ("sqlite3 --version", "gzip --version", "zstd --version", "litestream version", "restic version")


def main() -> None:
    options = _options()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="litekeep-bench-", dir=options.folder))
    sections: list[str] = []
    try:
        for found in _measured(
            options, folder, lambda line: print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)
        ):
            sections.append(found)
            options.output.joinpath("benchmarks.md").write_text("\n".join(sections))  # an interrupted run keeps these
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(sections))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 and 127 MB only, few rounds")
    parser.add_argument("--large", action="store_true", help="also 4 GB")
    parser.add_argument("--contest-only", action="store_true", help="without other shapes and scale")
    parser.add_argument("--folder", type=Path, help="work folder; all contenders use its disk [TMPDIR]")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder for the report [docs]")
    return parser.parse_args()


def _measured(options: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> Iterator[str]:
    plans = _QUICK if options.quick else _FULL
    if options.large:
        plans = (*plans, _LARGE)
    results: list[Result] = []
    yield _head()
    for plan in plans:
        found = run_rounds(plan, folder / str(plan.megabytes), say)
        results += found
        yield report.contest(found)
        if plan.megabytes > 10:
            yield from ("What was to be reached:\n", report.goal_table(goals(Results(found), plan.megabytes)))
        shutil.rmtree(folder / str(plan.megabytes))
    options.output.joinpath("benchmarks.svg").write_text(draw(report.lines(results)))
    yield from ("## Cost against size\n", "![seconds against megabytes](benchmarks.svg)\n")
    for title, section in _SECTIONS.items():
        if options.contest_only and title in _LONG:
            continue
        say(title)
        yield from (f"## {title}\n", section(folder, options.quick, say))
    yield from (_CONTINUOUS.read_text(), _REASONS.read_text())


def _stages(folder: Path, quick: bool, _say: Callable[[str], None]) -> str:
    source = folder / "stages.db"
    make_database(source, 10 if quick else _STAGES_MEGABYTES)
    return report.stage_table(measure_stages(source, folder / "stages"))


def _start(folder: Path, quick: bool, _say: Callable[[str], None]) -> str:
    return report.start_table(start_up(folder / "start", 3 if quick else 7))


def _looking(folder: Path, quick: bool, say: Callable[[str], None]) -> str:
    counts = (1, 100, 1_000) if quick else (1, 100, 1_000, 10_000)
    return report.looking_table(counts, looking(folder / "shelf", counts, 1 if quick else 3, say))


def _upload(folder: Path, quick: bool, _say: Callable[[str], None]) -> str:
    return report.upload_table(measure_upload(folder / "bucket", 32 if quick else 128, 2 if quick else 5))


# Title -> function that measures the section and returns it as Markdown. Add further sources and stores here.
_SECTIONS: dict[str, Callable[[Path, bool, Callable[[str], None]], str]] = {
    "Stage by stage": _stages,
    "Starting up": _start,
    "Looking at a store": _looking,
    "To Cloud Storage": _upload,
    "From SQLite Cloud": sqlitecloud.section,
    "Other shapes": shapes.section,
    "At scale": scale.section,
}
_LONG = ("Other shapes", "At scale")


_HEAD = """# Benchmarks

Measured {day} with `make bench`. All contenders run alternately on the same file and disk; times are medians of several
rounds after a warm-up (1 GB and more: without one). The databases are like an application's: users, events with JSON,
messages of English prose, a full-text table, indexes, WAL. Memory is the maximum of all processes of a contender
together, without pages of mapped files, which the system can reclaim. Compare ratios between machines, not seconds.

{cores} cores, {machine}, load {load:.1f} at the start; Python {python}, SQLite {sqlite} in Litekeep; {others}.
"""


def _head() -> str:
    return _HEAD.format(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=os.cpu_count(),
        machine=platform.machine(),
        load=os.getloadavg()[0],
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
        others="; ".join(_versions()),
    )


def _versions() -> list[str]:
    found = []
    for command in _PROGRAMS:
        name = command.split()[0]
        if shutil.which(name, path=environment()["PATH"]) is None:
            found.append(f"{name} is not installed")
            continue
        line = subprocess.run(
            command.split(), env=environment(), capture_output=True, text=True, check=False
        ).stdout.split("\n")[0]
        found.append(f"{name} {next((word for word in line.split() if any(map(str.isdigit, word))), line)}")
    return found


if __name__ == "__main__":
    main()
