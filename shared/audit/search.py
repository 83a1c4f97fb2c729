"""Searches the audit trail."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.audit.read import Entry, read_entries
from shared.clock import Clock, utc_now
from shared.model.trail_names import day_prefix, month_prefix, parse_event
from shared.stores import Store, StoredObject

_MONTHS = 14  # searched without `since`: events are kept for 400 days
_DAYS = 40  # up to which the search lists single days, and months beyond
_AT_ONCE = 200


@dataclass(frozen=True)
class Filter:
    """The conditions of a search; None matches all."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    database: str | None = None
    backup_id: str | None = None

    def matches(self, entry: Entry) -> bool:
        """Returns whether an event meets all conditions but the times."""
        event = entry.event or {}
        if self.actor is not None and self.actor not in (event.get("actor"), event.get("person")):
            return False
        fields = ("action", "outcome", "database", "backup_id")
        return all(getattr(self, name) in (None, event.get(name)) for name in fields)


def search(store: Store, conditions: Filter, most: int, *, clock: Clock = utc_now) -> Iterator[Entry]:
    """Yields the matching events, newest first, at most `most`. Raises StoreError."""
    left = most
    for items in _batches(store, conditions, clock()):
        for entry in sorted(read_entries(store, items), key=lambda each: each.name.at, reverse=True):
            if left and entry.event is not None and conditions.matches(entry):
                left -= 1
                yield entry
        if not left:
            return


def _batches(store: Store, conditions: Filter, now: datetime) -> Iterator[list[StoredObject]]:
    """Yields the objects of the requested time, newest first, in batches."""
    for prefix in _prefixes(conditions, now):
        items = [item for item in store.list_objects(prefix) if _is_in_time(item, conditions)]
        items.reverse()
        for at in range(0, len(items), _AT_ONCE):
            yield items[at : at + _AT_ONCE]


def _is_in_time(item: StoredObject, conditions: Filter) -> bool:
    name = parse_event(item.name)
    if name is None:
        return False
    since, until = conditions.since, conditions.until
    return (since is None or name.at >= since) and (until is None or name.at <= until)


def _prefixes(conditions: Filter, now: datetime) -> Iterator[str]:
    last = (conditions.until or now + timedelta(days=1)).date()
    first = conditions.since.date() if conditions.since else None
    if first is not None and (last - first).days <= _DAYS:
        for number in range((last - first).days + 1):
            yield day_prefix(last - timedelta(days=number))
        return
    for _ in range(_MONTHS if first is None else 12 * (last.year - first.year) + last.month - first.month + 1):
        yield month_prefix(last)
        last = date(last.year - (last.month == 1), last.month - 1 or 12, 1)
