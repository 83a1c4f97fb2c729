"""Measures all contenders on one file, round after round, so that disturbances of the machine affect all of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, environment, litekeep, peers
from benchmarks.databases import make_database
from benchmarks.measure import Sample, Spread, measure


@dataclass(frozen=True)
class Plan:
    """How many rounds to measure for one size, after `warm_ups` rounds that do not count."""

    megabytes: int
    rounds: int
    warm_ups: int = 1
    with_slow: bool = True
    goals_only: bool = False  # encrypted runs and what they are compared with; no verification of one format alone


@dataclass(frozen=True)
class Result:
    """The result of one contender for one size. `stored` is in bytes, or None if the contender stores nothing."""

    megabytes: int
    source_bytes: int
    contender: Contender
    spread: Spread
    stored: int | None


def run_rounds(plan: Plan, folder: Path, say: Callable[[str], None]) -> list[Result]:
    """Makes the database and measures all contenders on it. Raises CommandFailed."""
    folder.mkdir()
    (folder / "out").mkdir()
    say(f"{plan.megabytes} MB: making the database")
    make_database(folder / "app.db", plan.megabytes)
    field = [one for one in [*peers(), *litekeep(goals_only=plan.goals_only)] if _takes_part(one, plan)]
    samples: dict[Contender, list[Sample]] = {one: [] for one in field}
    stored: dict[Contender, int | None] = {}
    for number in range(plan.warm_ups + plan.rounds):
        say(f"{plan.megabytes} MB: {'warm-up' if number < plan.warm_ups else f'round {number + 1 - plan.warm_ups}'}")
        for one in field:
            measure(one.before, folder, environment())
            os.sync()  # unwritten data of one contender must not slow the next
            sample = measure(one.command, folder, environment())
            if number >= plan.warm_ups:
                samples[one].append(sample)
            stored[one] = _size(folder / one.stored) if one.stored else None
    size = (folder / "app.db").stat().st_size
    return [Result(plan.megabytes, size, one, Spread(tuple(samples[one])), stored[one]) for one in field]


def _takes_part(contender: Contender, plan: Plan) -> bool:
    return contender.is_installed and (plan.with_slow or not contender.is_slow)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [found for found in path.rglob("*") if found.is_file()]
    return sum(found.stat().st_size for found in files)
