"""What is usual of a kind: the median of the last seven before it."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from shared.monitor.listing import Seen

LAST = 7
LIMIT_PERCENT = 50.0


def size_change(newest: Seen, before: Iterable[Seen]) -> float | None:
    """By how many percent its bytes differ from what is usual; None when nothing is.

    Format by format, so that a BACKUP_FORMATS of another length is no change of the database.
    """
    previous = [seen.sizes for seen in before][:LAST]
    usual = {form: median(found) for form in newest.sizes if (found := _of_format(previous, form))}
    return _percent(sum(newest.sizes[form] for form in usual), sum(usual.values()))


def row_change(newest: Seen, before: Iterable[Seen]) -> float | None:
    """By how many percent its rows differ from what is usual; None when nothing is."""
    previous = [seen.rows for seen in [*before][:LAST] if seen.rows is not None]
    return _percent(newest.rows, median(previous)) if newest.rows is not None and previous else None


def usual_size(newest: Seen, before: Iterable[Seen]) -> float | None:
    """Bytes."""
    previous = [seen.sizes for seen in before][:LAST]
    usual = [median(found) for form in newest.sizes if (found := _of_format(previous, form))]
    return sum(usual) if usual else None


def _of_format(previous: Sequence[Mapping[str, int]], form: str) -> list[int]:
    return [sizes[form] for sizes in previous if form in sizes]


def _percent(found: float, usual: float) -> float | None:
    return round(100.0 * (found - usual) / usual, 1) if usual > 0 else None
