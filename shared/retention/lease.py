"""A lease on a store: of all who ask for one of the same task, one at a time gets it, for an hour at most.

Leases are numbered objects (see `shared.stores.numbered`), and to take one is to create the next number.
A lease ends when its holder deletes it, or by itself at its expiry; another may
take the next number some minutes later, and the holder stops some minutes earlier, so that clocks
may differ by that much. Before each step that must be its own, the holder asks the store again.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.clock import Clock, rfc3339
from shared.errors import ObjectExists, ObjectMissing, StoreError
from shared.model import lock_names
from shared.stores import Store, StoredObject
from shared.stores.numbered import WRONG, numbered, read_numbered, remove, remove_numbered, take_number
from shared.text import printable

LENGTH = timedelta(hours=1)
MARGIN = timedelta(minutes=2)


class LeaseLost(StoreError):
    """Another may hold it now: what was not done yet must not be done."""


@dataclass(frozen=True)
class Lease:
    store: Store
    task: str
    stored: StoredObject
    expires_at: datetime
    clock: Clock

    @property
    def began_at(self) -> datetime:
        """When it was taken, by the clock of the store."""
        return self.stored.created_at

    def check(self) -> None:
        """Asks the store whether it is still ours. Raises LeaseLost when it is not, or the store does not tell."""
        if self.clock() >= self.expires_at - MARGIN:
            raise LeaseLost(f"{self.task} stopped after {LENGTH}, when its lease ended: run it again for the rest")
        try:
            last = _last(self.store, self.task)
        except StoreError as error:
            raise LeaseLost(f"{self.task} stopped, not knowing whether its lease is still its own: {error}") from error
        if last is None or (last.name, last.generation) != (self.stored.name, self.stored.generation):
            raise LeaseLost(f"{self.task} stopped: another run took over its lease; was this machine asleep?")


@contextmanager
def leased(store: Store, task: str, clock: Clock) -> Iterator[Lease]:
    """Holds the lease of `task` during the block, and gives it back after it.

    Raises StoreError when another holds it, saying who and until when.
    """
    lease = _take(store, task, clock)
    try:
        yield lease
    finally:
        _remove_up_to(lease)


def _take(store: Store, task: str, clock: Clock) -> Lease:
    last = _last(store, task)
    number = 1
    if last is not None:
        number = (lock_names.lease_number(task, last.name) or 0) + 1
        _refuse_while_it_lasts(store, task, last, clock())
    expires_at = clock() + LENGTH
    says = {"owner": f"{socket.gethostname()}:{os.getpid()}", "expires_at": rfc3339(expires_at)}
    try:
        stored = take_number(store, lock_names.lease(task, number), says, {})
    except ObjectExists:
        raise StoreError(f"another {task} began on {store.url} this very moment: let it finish") from None
    lease = Lease(store, task, stored, expires_at, clock)
    try:
        lease.check()
    except BaseException:
        remove(store, stored)
        raise
    return lease


def _refuse_while_it_lasts(store: Store, task: str, last: StoredObject, now: datetime) -> None:
    owner, ends = _terms(store, last)
    if now < ends + MARGIN:
        raise StoreError(
            f"another {task} is at work on {store.url}, begun by {owner}: let it finish "
            f"(if it was killed, its lease ends by itself {rfc3339(ends + MARGIN)})"
        )


def _terms(store: Store, last: StoredObject) -> tuple[str, datetime]:
    """Whose it is and when it ends; never later than an hour after it was stored, whatever it says."""
    try:
        content, ends = read_numbered(store, last, LENGTH)
        return printable(str(content["owner"])[:80], ""), ends
    except ObjectMissing:
        return "one that just ended", last.created_at - MARGIN
    except WRONG:
        return "an unknown run", last.created_at + LENGTH


def _last(store: Store, task: str) -> StoredObject | None:
    leases = _all(store, task)
    return leases[max(leases)] if leases else None


def _all(store: Store, task: str) -> dict[int, StoredObject]:
    return numbered(store, lock_names.lease_prefix(task), partial(lock_names.lease_number, task))


def _remove_up_to(lease: Lease) -> None:
    """Gives it back, and sweeps what killed runs left. The latter first: the highest number is what counts."""
    own = lock_names.lease_number(lease.task, lease.stored.name) or 0
    with suppress(StoreError):  # one that cannot be deleted ends by itself
        remove_numbered(lease.store, _all(lease.store, lease.task), own)
    remove(lease.store, lease.stored)
