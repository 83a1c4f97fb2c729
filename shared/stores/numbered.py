"""Numbered objects: of those with one prefix the highest number counts, and a store grants the next number once.

Leases, turns and claims on slots are such objects: nothing needs to be replaced or deleted, so they also work where a
retention policy keeps every object.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from shared.clock import parse_time
from shared.errors import StoreError
from shared.stores.interface import Store, StoredObject

WRONG = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)  # what hostile content raises
_LARGEST = 4096  # bytes


def numbered(store: Store, prefix: str, number_of: Callable[[str], int | None]) -> dict[int, StoredObject]:
    """Returns the objects with a number, by their number; `number_of` returns None for a name of another kind."""
    found = ((number_of(item.name), item) for item in store.list_objects(prefix))
    return {number: item for number, item in found if number is not None}


def take_number(store: Store, name: str, says: Mapping[str, Any], metadata: Mapping[str, str]) -> StoredObject:
    """Creates the object that has the number in its name. Raises ObjectExists when another has taken the number.

    A nonce keeps two runs from writing the same bytes: a store takes those for a repetition of one call.
    """
    content = {**says, "nonce": secrets.token_hex(16)}
    return store.create(name, json.dumps(content).encode() + b"\n", metadata)


def read_numbered(store: Store, item: StoredObject, length: timedelta) -> tuple[dict[str, Any], datetime]:
    """Returns what the object says, and when it ends: whatever it says, at most `length` after it was stored.

    Raises ObjectMissing, and one of WRONG for content that no run of ours would write.
    """
    with store.open(item.name, item.generation) as stream:
        content = json.loads(stream.read(_LARGEST))
    return content, min(parse_time(content["expires_at"]), item.created_at + length)


def remove_numbered(store: Store, items: Mapping[int, StoredObject], before: int) -> None:
    """Removes those with a lower number, lowest first, as far as the store allows: what stays ends by itself."""
    for number in sorted(items):
        if number < before:
            remove(store, items[number])


def remove(store: Store, item: StoredObject) -> None:
    """Removes the object, where the store allows."""
    with suppress(StoreError):
        store.delete(item.name, item.generation)
