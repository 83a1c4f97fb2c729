"""The performance goals, as ratios within one run on one machine, and whether they were reached."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.contenders import BACKUP_BOTH, BACKUP_PAGES, BACKUP_SQL, IDENTICAL, RESTORE_PAGES, RESTORE_SQL, VERIFY
from benchmarks.rounds import Result

_MEGABYTE = 1_000_000
_LARGE = 1000  # megabytes
_DUMP, _LITESTREAM = "sqlite3 .dump | gzip -6", "litestream, one shot"


@dataclass(frozen=True)
class Goal:
    """One goal; `wanted` and `found` are texts for the table."""

    work: str
    against: str
    wanted: str
    found: str
    reached: bool


class Results:
    """The results for one size, by work and contender."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._by_name = {(one.contender.work, one.contender.name): one for one in results}

    def find(self, work: str, name: str) -> Result | None:
        return self._by_name.get((work, name))


def goals(results: Results, megabytes: int) -> list[Goal]:
    """Returns the goals for which this run has results, without and with encryption."""
    is_large = megabytes >= _LARGE
    found: list[Goal | None] = []
    for suffix in ("", ", encrypted"):
        ours = f"litekeep{suffix}"
        sql, dump = results.find(BACKUP_SQL, ours), results.find(BACKUP_SQL, _DUMP)
        pages, litestream = results.find(BACKUP_PAGES, ours), results.find(BACKUP_PAGES, _LITESTREAM)
        load = results.find(RESTORE_SQL, "gunzip | sqlite3")
        found += [
            _faster(sql, dump, 3.8),
            _smaller(sql, dump, 1.04),
            _faster(results.find(BACKUP_BOTH, ours), dump, 3.5) if is_large else None,
            _faster(pages, litestream, 4.5 if is_large else 2.5),
            _smaller(pages, litestream, 0.6),
            _faster(
                results.find(RESTORE_PAGES, f"{ours}{IDENTICAL}"),
                results.find(RESTORE_PAGES, "litestream"),
                3.5 if is_large else 2,
            ),
            None if is_large else _faster(results.find(RESTORE_SQL, ours), load, 2),
            _within(results.find(VERIFY, f"litekeep both{suffix}"), load, 1.2 if is_large else 1.0),
            _lean([results.find(work, name) for work, name in _most_memory(suffix)], 200),
        ]
    return [goal for goal in found if goal]


def _faster(ours: Result | None, theirs: Result | None, times: float) -> Goal | None:
    return _goal(ours, theirs, lambda a, b: b.spread.wall / a.spread.wall, f"{times:g} times as fast", times)


def _within(ours: Result | None, theirs: Result | None, times: float) -> Goal | None:
    return _goal(ours, theirs, lambda a, b: a.spread.wall / b.spread.wall, f"{times:g} times its time", -times)


def _smaller(ours: Result | None, theirs: Result | None, times: float) -> Goal | None:
    return _goal(ours, theirs, lambda a, b: (a.stored or 0) / (b.stored or 1), f"{times:g} times its bytes", -times)


def _goal(
    ours: Result | None,
    theirs: Result | None,
    ratio: Callable[[Result, Result], float],
    wanted: str,
    limit: float,
) -> Goal | None:
    """A positive `limit` is a minimum; a negative one is the negated maximum."""
    if ours is None or theirs is None:
        return None
    found = ratio(ours, theirs)
    reached = found >= limit if limit > 0 else found <= -limit
    against = f"{theirs.contender.work}, {theirs.contender.name}"
    if ours.contender.work == theirs.contender.work:
        against = theirs.contender.name
    most = "at least" if limit > 0 else "at most"
    return Goal(f"{ours.contender.work}, {ours.contender.name}", against, f"{most} {wanted}", f"{found:.2f}", reached)


def _most_memory(suffix: str) -> list[tuple[str, str]]:
    return [
        (BACKUP_BOTH, f"litekeep{suffix}"),
        (RESTORE_SQL, f"litekeep{suffix}"),
        (VERIFY, f"litekeep both{suffix}"),
    ]


def _lean(found: list[Result | None], megabytes: int) -> Goal | None:
    ours = [one for one in found if one]
    if not ours:
        return None
    peak = max(one.spread.memory for one in ours) / _MEGABYTE
    name = ours[0].contender.name
    return Goal(f"peak memory, {name}", "", f"at most {megabytes} MB", f"{peak:.0f} MB", peak <= megabytes)
