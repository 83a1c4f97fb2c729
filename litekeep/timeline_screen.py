"""Text output of `litekeep timeline` for one database."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from shared.continuous.timeline import Moment, Timeline
from shared.events.log import safe_line
from shared.model.kinds import Kind
from shared.terminal.screen import BAD, GOOD
from shared.text import age, count, moment, size

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60
_MOST = 10


def screen(found: Timeline) -> Iterator[str]:
    """Yields the lines for one database: ranges and gaps by time, when data changed, and what a restore reads."""
    yield safe_line(found.database)
    chain = [point for point in found.points if point.backup.name.kind is Kind.CONTINUOUS]
    others = len(found.points) - len(chain)
    if not chain:
        yield f"  no points: take them with litekeep continuous; {count(others, 'other backup')}"
        return
    yield from _newest(
        [
            *(
                (each.since, f"  {GOOD} {moment(each.since)} to {moment(each.until)}: {count(each.points, 'point')}")
                for each in found.ranges
            ),
            *(
                (each.since, f"  {BAD} {age((each.until - each.since).total_seconds())} lost: {safe_line(each.reason)}")
                for each in found.gaps
            ),
        ]
    )
    yield f"  changed  {sparkline(chain)}"
    newest = chain[-1]
    reads = f"{count(newest.steps, 'backup')}, {size(newest.reads_bytes)}"
    yield f"  newest   {newest.backup.name.id}: a restore reads {reads}"
    stored = sum(point.stored_bytes for point in chain)
    yield f"  stored   {size(stored)} in {count(len(chain), 'point')}; {count(others, 'backup')} of other kinds"


def sparkline(points: Sequence[Moment]) -> str:
    """Returns a chart of the bytes stored by increments over time. Bases are not counted: they are not changes."""
    begins, ends = points[0].backup.created_at, points[-1].backup.created_at
    step = max((ends - begins) / _WIDTH, timedelta(seconds=1))
    sums = [0] * (min(_WIDTH, int((ends - begins) / step)) + 1)
    for point in points:
        if point.steps > 1:
            sums[min(len(sums) - 1, int((point.backup.created_at - begins) / step))] += point.stored_bytes
    most = max(sums) or 1
    return "".join(_BARS[min(len(_BARS) - 1, each * len(_BARS) // (most + 1))] if each else " " for each in sums)


def _newest(lines: list[tuple[object, str]]) -> Iterator[str]:
    ordered = [text for _, text in sorted(lines, key=lambda line: str(line[0]))]
    if len(ordered) > _MOST:
        yield f"  … {count(len(ordered) - _MOST, 'earlier line')}: --from, --to, or --json"
    yield from ordered[-_MOST:]
