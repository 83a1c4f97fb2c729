"""Counts the backups that still have erased rows (`litekeep erase`), which every restore of them removes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.catalog.backup import Backup
from shared.catalog.checker import Checker
from shared.clock import CLOCKS_DIFFER_BY
from shared.errors import LitekeepError
from shared.model import report_names
from shared.stores import Store, StoredObject


@dataclass(frozen=True)
class PendingErasures:
    """The number of `erasures` not yet applied to all backups of a database, and of the `backups` concerned.

    `exact`: the entries were read. From the listing alone the database of an entry is unknown; the numbers are then
    upper bounds.
    """

    erasures: int
    backups: int
    exact: bool

    def to_json(self) -> dict[str, Any]:
        return {"pending": self.erasures, "backups": self.backups, "exact": self.exact}


@dataclass(frozen=True)
class _Recorded:
    number: int
    at: datetime
    database: str | None = None


def pending_erasures(
    store: Store, objects: Iterable[StoredObject], backups: Iterable[Backup], checker: Checker
) -> dict[str, PendingErasures]:
    """Returns pending erasures by database, without those that have none. Reads the entries if the key is available."""
    listed = [
        _Recorded(parsed[1], item.created_at)
        for item in objects
        if (parsed := report_names.parse_erasure(item.name)) is not None and parsed[0] == "entry"
    ]
    if not listed:
        return {}
    recorded = _read(store, checker)
    exact = recorded is not None
    erasures, count = dict[str, set[int]](), dict[str, int]()
    for backup in backups:
        database = backup.name.database
        if pending := _pending(backup, listed if recorded is None else recorded):
            erasures.setdefault(database, set()).update(pending)
            count[database] = count.get(database, 0) + 1
    return {each: PendingErasures(len(numbers), count[each], exact) for each, numbers in erasures.items()}


def _read(store: Store, checker: Checker) -> list[_Recorded] | None:
    """Returns the entries, or None if they cannot be read. The monitor reports an incomplete ledger elsewhere."""
    from shared.operations.erasure.ledger import read_ledger  # noqa: PLC0415 - most stores have no erasures

    try:
        ledger = read_ledger(store, checker.key)
    except LitekeepError:
        return None
    return (
        [] if ledger is None else [_Recorded(each.number, each.recorded_at, each.database) for each in ledger.entries]
    )


def _pending(backup: Backup, recorded: Sequence[_Recorded]) -> list[int]:
    return [
        each.number
        for each in recorded
        if each.number > backup.erased_through
        and each.database in (None, backup.name.database)
        and each.at - backup.began_at >= -CLOCKS_DIFFER_BY
    ]
