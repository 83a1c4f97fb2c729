"""Events of the audit trail, newest first, as somebody asks for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.audit.read import Entry, read_entries
from shared.clock import Clock, utc_now
from shared.model.trail_names import day_prefix, month_prefix, parse_event
from shared.stores import Store, StoredObject

_MONTHS = 14  # that are looked at without `since`: events are kept for 400 days
_DAYS = 40  # a shorter time is listed by days
_AT_ONCE = 200


@dataclass(frozen=True)
class Filter:
    """What is asked for; None asks for all."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    database: str | None = None
    backup_id: str | None = None

    def takes(self, entry: Entry) -> bool:
        event = entry.event or {}
        for field in ("actor", "action", "outcome", "database", "backup_id"):
            wanted = getattr(self, field)
            known = event.get(field) if field != "actor" else event.get("actor") or event.get("person")
            if wanted is not None and known != wanted:
                return False
        return True


def search(store: Store, wanted: Filter, most: int, *, clock: Clock = utc_now) -> Iterator[Entry]:
    """At most that many events, newest first. Raises StoreError."""
    left = most
    for items in _batches(store, wanted, clock()):
        for entry in sorted(read_entries(store, items), key=lambda each: each.name.at, reverse=True):
            if left and entry.event is not None and wanted.takes(entry):
                left -= 1
                yield entry
        if not left:
            return


def _batches(store: Store, wanted: Filter, now: datetime) -> Iterator[list[StoredObject]]:
    """The objects of the time that is asked for, newest first, some at a time."""
    for prefix in _prefixes(wanted, now):
        items = [item for item in store.list_objects(prefix) if _is_in(item, wanted)]
        items.reverse()
        for at in range(0, len(items), _AT_ONCE):
            yield items[at : at + _AT_ONCE]


def _is_in(item: StoredObject, wanted: Filter) -> bool:
    name = parse_event(item.name)
    if name is None:
        return False
    return (wanted.since is None or name.at >= wanted.since) and (wanted.until is None or name.at <= wanted.until)


def _prefixes(wanted: Filter, now: datetime) -> Iterator[str]:
    last = (wanted.until or now + timedelta(days=1)).date()
    if wanted.since is not None and (last - wanted.since.date()).days <= _DAYS:
        for number in range((last - wanted.since.date()).days + 1):
            yield day_prefix(last - timedelta(days=number))
        return
    first = wanted.since.date() if wanted.since else None
    for _ in range(_MONTHS if first is None else 12 * (last.year - first.year) + last.month - first.month + 1):
        yield month_prefix(last)
        last = date(last.year - (last.month == 1), last.month - 1 or 12, 1)
