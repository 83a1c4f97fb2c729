"""Reads objects of the audit trail. Their content is not trusted."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from shared.errors import ObjectMissing
from shared.model.trail_names import EventName, parse_event
from shared.stores import Store, StoredObject
from shared.stores.interface import ReadsMany

LARGEST = 256 << 10  # bytes of an event's object; larger ones are read only up to this


class Entry(NamedTuple):
    """A stored event. `event` is None if the object's content is not an event of that writer and number."""

    object: str
    name: EventName
    sha256: str
    previous: str | None = None
    event: dict[str, Any] | None = None


def read_entries(store: Store, items: Iterable[StoredObject]) -> Iterator[Entry]:
    """Yields the events in these objects; objects deleted since the listing are left out. Raises StoreError."""
    listed = [(name, item) for item in items if (name := parse_event(item.name)) is not None]
    for (name, item), content in zip(listed, contents(store, [item for _, item in listed]), strict=True):
        if content is not None:
            yield parse_entry(name, item.name, content)


def parse_entry(name: EventName, object_name: str, content: bytes) -> Entry:
    """Parses the bytes of an event's object."""
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
    """Yields the bytes of each object, at most `largest` + 1 of them; None for a deleted object. Raises StoreError."""
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
