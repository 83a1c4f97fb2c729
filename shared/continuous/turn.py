"""Ensures that one loop of cycles runs per database and store: the newest. An older loop stops.

A turn is a numbered object like a lease, and the highest number wins. A killed loop leaves its object, which blocks
nobody. Two loops at once would only make redundant points, so nothing waits.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from shared.errors import ObjectExists, StoreError
from shared.model import lock_names
from shared.stores import Store, StoredObject
from shared.stores.numbered import numbered, remove_numbered, take_number

_TRIES = 20


class Turn:
    """The claim of one loop."""

    def __init__(self, store: Store, task: str, stored: StoredObject) -> None:
        self._store, self._task, self._stored = store, task, stored

    def is_ours(self) -> bool:
        """Returns whether no other loop has started since. Raises StoreError."""
        own = lock_names.lease_number(self._task, self._stored.name) or 0
        return max(_numbered(self._store, self._task), default=0) <= own

    def end(self) -> None:
        """Removes the claim and those of killed loops. Claims that cannot be deleted are harmless."""
        own = lock_names.lease_number(self._task, self._stored.name) or 0
        with suppress(StoreError):
            remove_numbered(self._store, _numbered(self._store, self._task), own + 1)


@contextmanager
def turn_of(store: Store, database: str) -> Iterator[Turn]:
    """Holds a claim during the block. Raises StoreError."""
    task = lock_names.loop_task(database)
    content = {"owner": f"{socket.gethostname()}:{os.getpid()}"}
    for _ in range(_TRIES):
        number = max(_numbered(store, task), default=0) + 1
        with suppress(ObjectExists):  # another loop took this number first
            turn = Turn(store, task, take_number(store, lock_names.lease(task, number), content, {}))
            break
    else:
        raise StoreError(f"other loops keep starting on {store.url}: find out what starts them")
    try:
        yield turn
    finally:
        turn.end()


def _numbered(store: Store, task: str) -> dict[int, StoredObject]:
    return numbered(store, lock_names.lease_prefix(task), partial(lock_names.lease_number, task))
