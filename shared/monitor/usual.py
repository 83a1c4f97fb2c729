"""Usual sizes and row counts of a kind of backup: the median of the previous seven."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from shared.monitor.listing import ObservedBackup

LAST = 7
LIMIT_PERCENT = 50.0


def size_change(newest: ObservedBackup, before: Iterable[ObservedBackup]) -> float | None:
    """Returns by how many percent the size differs from the usual size, or None if there is none.

    Compared by format, so that a changed BACKUP_FORMATS does not count as a change of the database.
    """
    previous = [seen.sizes for seen in before][:LAST]
    usual = {form: median(found) for form in newest.sizes if (found := _of_format(previous, form))}
    return _percent(sum(newest.sizes[form] for form in usual), sum(usual.values()))


def row_change(newest: ObservedBackup, before: Iterable[ObservedBackup]) -> float | None:
    """Returns by how many percent the row count differs from the usual one, or None if there is none."""
    previous = [seen.rows for seen in [*before][:LAST] if seen.rows is not None]
    return _percent(newest.rows, median(previous)) if newest.rows is not None and previous else None


def usual_size(newest: ObservedBackup, before: Iterable[ObservedBackup]) -> float | None:
    """Returns the usual size in bytes, or None if there is none."""
    previous = [seen.sizes for seen in before][:LAST]
    usual = [median(found) for form in newest.sizes if (found := _of_format(previous, form))]
    return sum(usual) if usual else None


def _of_format(previous: Sequence[Mapping[str, int]], form: str) -> list[int]:
    return [sizes[form] for sizes in previous if form in sizes]


def _percent(found: float, usual: float) -> float | None:
    return round(100.0 * (found - usual) / usual, 1) if usual > 0 else None
