"""Numbered objects: of those with one prefix the highest number is valid, and only one run can create the next.

Leases, turns and slot claims are numbered objects. They are never replaced and need not be deleted, so they also work
under a retention policy that keeps every object.
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

WRONG = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)  # raised for malformed content
_LARGEST = 4096  # bytes


def numbered(store: Store, prefix: str, number_of: Callable[[str], int | None]) -> dict[int, StoredObject]:
    """Returns the numbered objects by their number. `number_of` returns None for any other name."""
    found = ((number_of(item.name), item) for item in store.list_objects(prefix))
    return {number: item for number, item in found if number is not None}


def take_number(store: Store, name: str, content: Mapping[str, Any], metadata: Mapping[str, str]) -> StoredObject:
    """Creates the object with the number in its name. Raises ObjectExists if another run took the number.

    A nonce makes the bytes of each run unique: a store could take equal bytes for a retry of the same call.
    """
    document = {**content, "nonce": secrets.token_hex(16)}
    return store.create(name, json.dumps(document).encode() + b"\n", metadata)


def read_numbered(store: Store, item: StoredObject, length: timedelta) -> tuple[dict[str, Any], datetime]:
    """Returns the object's content and its expiry: `expires_at`, but at most `length` after it was stored.

    Raises ObjectMissing, or one of WRONG for malformed content.
    """
    with store.open(item.name, item.generation) as stream:
        content = json.loads(stream.read(_LARGEST))
    return content, min(parse_time(content["expires_at"]), item.created_at + length)


def remove_numbered(store: Store, items: Mapping[int, StoredObject], before: int) -> None:
    """Removes the objects numbered below `before`, lowest first, where the store allows. The rest expire."""
    for number in sorted(items):
        if number < before:
            remove(store, items[number])


def remove(store: Store, item: StoredObject) -> None:
    """Removes the object, if the store allows that."""
    with suppress(StoreError):
        store.delete(item.name, item.generation)
