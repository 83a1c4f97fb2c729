"""One loop of cycles for a database and a store: the one that began last. An older one gives way to it.

A turn is a numbered object, as a lease is, and the highest number counts. A loop that was killed leaves its own, which
stops nobody. Two at once would only make points beside each other; so nothing waits for anything here.
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
    def __init__(self, store: Store, task: str, stored: StoredObject) -> None:
        self._store, self._task, self._stored = store, task, stored

    def is_ours(self) -> bool:
        """Returns whether no other loop has begun since. Raises StoreError when the store does not tell."""
        own = lock_names.lease_number(self._task, self._stored.name) or 0
        return max(_numbered(self._store, self._task), default=0) <= own

    def end(self) -> None:
        """Removes it, and what killed loops have left; what the store does not let go is in nobody's way."""
        own = lock_names.lease_number(self._task, self._stored.name) or 0
        with suppress(StoreError):
            remove_numbered(self._store, _numbered(self._store, self._task), own + 1)


@contextmanager
def turn_of(store: Store, database: str) -> Iterator[Turn]:
    """Takes the turn until the block ends. Raises StoreError."""
    task = lock_names.loop_task(database)
    says = {"owner": f"{socket.gethostname()}:{os.getpid()}"}
    for _ in range(_TRIES):
        number = max(_numbered(store, task), default=0) + 1
        with suppress(ObjectExists):  # another began this very moment, and so before us
            turn = Turn(store, task, take_number(store, lock_names.lease(task, number), says, {}))
            break
    else:
        raise StoreError(f"other loops begin on {store.url} all the time: see what starts them")
    try:
        yield turn
    finally:
        turn.end()


def _numbered(store: Store, task: str) -> dict[int, StoredObject]:
    return numbered(store, lock_names.lease_prefix(task), partial(lock_names.lease_number, task))
