"""Reads objects of the audit trail. What a store holds under such a name may be anything."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from shared.errors import ObjectMissing
from shared.model.trail_names import EventName, parse_event
from shared.stores import Store, StoredObject
from shared.stores.interface import ReadsMany

LARGEST = 256 << 10  # bytes of an event's object; of a larger one only the beginning is read


@dataclass(frozen=True)
class Entry:
    """An event as it is stored. `event` None: its object holds no event of that writer and number."""

    object: str
    name: EventName
    sha256: str
    previous: str | None = None
    event: dict[str, Any] | None = None


def read_entries(store: Store, items: Iterable[StoredObject]) -> Iterator[Entry]:
    """The events of these objects; what is gone since it was listed is left out. Raises StoreError."""
    listed = [(name, item) for item in items if (name := parse_event(item.name)) is not None]
    for (name, item), content in zip(listed, contents(store, [item for _, item in listed]), strict=True):
        if content is not None:
            yield parse_entry(name, item.name, content)


def parse_entry(name: EventName, object_name: str, content: bytes) -> Entry:
    """The event in these bytes."""
    digest = hashlib.sha256(content).hexdigest()
    try:
        found = json.loads(content)
        event, previous = found["event"], found["previous"]
        own = (found["version"], found["writer"], found["number"]) == (1, name.writer, name.number)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Entry(object_name, name, digest)
    good = own and isinstance(event, dict) and (previous is None or isinstance(previous, str))
    return Entry(object_name, name, digest, previous, event) if good else Entry(object_name, name, digest)


def contents(store: Store, items: list[StoredObject], largest: int = LARGEST) -> Iterator[bytes | None]:
    """The bytes of each object, cut one byte after `largest`; None for one that is gone. Raises StoreError."""
    small = _small(store, [item for item in items if item.size_bytes <= largest])
    for item in items:
        yield next(small) if item.size_bytes <= largest else _opened(store, item, largest)


def _small(store: Store, items: list[StoredObject]) -> Iterator[bytes | None]:
    if isinstance(store, ReadsMany):
        return store.read_many(items)
    return (_opened(store, item, item.size_bytes) for item in items)


def _opened(store: Store, item: StoredObject, largest: int) -> bytes | None:
    try:
        with store.open(item.name, item.generation) as stream:
            return stream.read(largest + 1)
    except ObjectMissing:
        return None
