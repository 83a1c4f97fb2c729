"""Unusual changes of the data, which can be a migration or an unnoticed loss."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from shared.events.log import Event, Field
from shared.model.kinds import Kind
from shared.monitor.finding import Finding
from shared.monitor.listing import ObservedBackup
from shared.monitor.usual import LAST, LIMIT_PERCENT, row_change, size_change

_REMEDY = "if that was not intended, hold the backup before it (litekeep hold) and find the cause"


def changes(here: Sequence[ObservedBackup]) -> Iterator[Finding]:
    """Yields findings on the backups of a database, newest first.

    Compares the newest readable backup of each kind with earlier ones, and the two newest of all table by table.
    """
    readable = [seen for seen in here if seen.damaged is None]
    newest: dict[Kind, list[ObservedBackup]] = {kind: [] for kind in Kind}
    for seen in readable:
        own = newest[seen.kind]
        if len(own) <= LAST:
            own.append(seen)
    for kind, own in newest.items():
        if own and kind is not Kind.CONTINUOUS:  # the size of a point depends on how much was written
            yield from _sizes_and_rows(own[0], own[1:])
    for after, before in pairwise(readable[:2]):
        yield from _tables(after, before)


def _sizes_and_rows(newest: ObservedBackup, before: Sequence[ObservedBackup]) -> Iterator[Finding]:
    size, rows = size_change(newest, before), row_change(newest, before)
    about = f"{newest.name.id}, {newest.kind} of {newest.name.database}"
    if size is not None and abs(size) > LIMIT_PERCENT:
        yield Finding(
            Event.MONITOR_SIZE_ANOMALY,
            f"{about}, is {_by(size)} than usual: {_REMEDY}",
            _fields(newest, size) | {"size_bytes": newest.size_bytes},
        )
    if rows is not None and abs(rows) > LIMIT_PERCENT:
        yield Finding(
            Event.MONITOR_ROW_ANOMALY,
            f"{about}, has {_by(rows, 'more', 'fewer')} rows than usual: {_REMEDY}",
            _fields(newest, rows) | {"rows": newest.rows},
        )


def _tables(newest: ObservedBackup, before: ObservedBackup) -> Iterator[Finding]:
    if newest.row_counts is None or before.row_counts is None:
        return
    for table, rows in sorted(before.row_counts.items()):
        fields: dict[str, Field] = {
            "database": newest.name.database,
            "kind": newest.kind,
            "backup_id": newest.name.id,
            "table": table,
        }
        if table not in newest.row_counts:
            yield Finding(
                Event.MONITOR_TABLE_VANISHED,
                f"table {table} of {newest.name.database} is in {before.name.id} but not in {newest.name.id}: "
                + _REMEDY,
                fields,
            )
        elif rows > 0 and newest.row_counts[table] == 0:
            yield Finding(
                Event.MONITOR_ROW_ANOMALY,
                f"table {table} of {newest.name.database} has no rows in {newest.name.id}, but {rows} in "
                f"{before.name.id}: {_REMEDY}",
                fields | {"change_percent": -100.0, "rows": 0},
            )


def _fields(newest: ObservedBackup, change: float) -> dict[str, Field]:
    return {
        "database": newest.name.database,
        "kind": newest.kind,
        "backup_id": newest.name.id,
        "change_percent": change,
    }


def _by(percent: float, more: str = "larger", less: str = "smaller") -> str:
    return f"{abs(percent):.0f} % {more if percent > 0 else less}"
