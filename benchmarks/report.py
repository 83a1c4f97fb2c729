"""The results as Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.bucket import Upload
from benchmarks.contenders import BACKUP_BOTH, BACKUP_PAGES, BACKUP_SQL, RESTORE_PAGES, RESTORE_SQL, VERIFY
from benchmarks.goals import Goal
from benchmarks.measure import Spread
from benchmarks.plot import Line
from benchmarks.rounds import Result
from benchmarks.stages import Stage

_WORKS = (BACKUP_SQL, BACKUP_PAGES, BACKUP_BOTH, RESTORE_SQL, RESTORE_PAGES, VERIFY)
_MEGABYTE = 1_000_000
_PLOTTED = {
    (BACKUP_SQL, "litekeep, encrypted"): "litekeep: back up, SQL",
    (BACKUP_PAGES, "litekeep, encrypted"): "litekeep: back up, pages",
    (BACKUP_SQL, "sqlite3 .dump | gzip -6"): "sqlite3 .dump | gzip -6",
    (BACKUP_PAGES, "litestream, one shot"): "litestream: one shot",
    (RESTORE_SQL, "litekeep, encrypted"): "litekeep: restore, SQL",
    (RESTORE_PAGES, "litekeep, encrypted"): "litekeep: restore, pages",
    (RESTORE_SQL, "gunzip | sqlite3"): "gunzip | sqlite3",
    (RESTORE_PAGES, "litestream"): "litestream: restore",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def contest(results: Sequence[Result]) -> str:
    """Returns the tables for one size: for each work the contenders, with the ratio of each time to Litekeep's."""
    first = results[0]
    parts = [f"### {first.megabytes} MB ({first.source_bytes / _MEGABYTE:.1f} MB, {_rounds(first.spread)})\n"]
    for work in _WORKS:
        same = [one for one in results if one.contender.work == work]
        rows = [_row(one, same) for one in sorted(same, key=lambda one: one.spread.wall)]
        heads = [work, "median", "from-to", "CPU", "memory", "stored", "to litekeep's"]
        parts.append(table(heads, rows))
    return "\n".join(parts)


def _row(one: Result, same: list[Result]) -> list[str]:
    """Returns one contender's row; `same` are all results for the same work."""
    spread = one.spread
    base = next((other for other in same if other.contender.name.startswith("litekeep")), None)
    return [
        one.contender.name,
        f"{spread.wall:.2f} s",
        f"{spread.least:.2f}-{spread.most:.2f} s",
        f"{spread.cpu:.2f} s",
        f"{spread.memory / _MEGABYTE:.0f} MB",
        f"{one.stored / _MEGABYTE:.1f} MB" if one.stored is not None else "",
        f"{spread.wall / base.spread.wall:.2f} x" if base else "",
    ]


def _rounds(spread: Spread) -> str:
    count = len(spread.samples)
    return f"{count} rounds" if count > 1 else "one round"


def goal_table(goals: Iterable[Goal]) -> str:
    rows = [[one.work, one.against, one.wanted, one.found, "yes" if one.reached else "**no**"] for one in goals]
    return table(["work", "against", "wanted", "found", "reached"], rows)


def stage_table(stages: Iterable[Stage]) -> str:
    rows = [
        [one.name, f"{one.wall:.3f} s", f"{one.cpu:.3f} s", f"{one.size / _MEGABYTE / max(one.wall, 1e-6):.0f} MB/s"]
        for one in stages
    ]
    return table(["stage, alone", "wall", "CPU", "rate"], rows)


def start_table(spreads: dict[str, Spread]) -> str:
    rows = [[name, f"{one.wall:.2f} s", f"{one.least:.2f}-{one.most:.2f} s"] for name, one in spreads.items()]
    return table(["command", "median", "from-to"], rows)


def looking_table(counts: Sequence[int], spreads: dict[str, list[Spread]]) -> str:
    rows = [[f"litekeep {name}", *(f"{one.wall:.2f} s" for one in each)] for name, each in spreads.items()]
    return table(["in a folder", *(f"{count:,} backups" for count in counts)], rows)


def upload_table(upload: Upload) -> str:
    rows = [
        [name, f"{seconds:.2f} s", f"{upload.size / _MEGABYTE / seconds:.0f} MB/s"]
        for name, seconds in (("litekeep's store", upload.ours), ("upload_from_filename", upload.plain))
    ]
    ratio = f"Litekeep's rate is {upload.plain / upload.ours:.2f} of the plain one's (wanted: at least 0.9).\n"
    return table([f"{upload.size / _MEGABYTE:.0f} MB to a bucket", "median", "rate"], rows) + "\n" + ratio


def lines(results: Iterable[Result]) -> list[Line]:
    """Returns the lines of the plot: median seconds against the size of the source."""
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in _PLOTTED.values()}
    for one in results:
        if name := _PLOTTED.get((one.contender.work, one.contender.name)):
            points[name].append((one.source_bytes / _MEGABYTE, one.spread.wall))
    return [Line(name, tuple(each)) for name, each in points.items() if each]
