"""A lease on a store: only one run of a task at a time has it, for at most an hour.

Leases are numbered objects (see `shared.stores.numbered`); taking one creates the next number. A lease ends when its
holder deletes it, or when it expires. Another run may take the next one a margin after the expiry, and the holder stops
a margin before it, so that clocks may differ by that much. The holder checks the lease before each critical step.
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
    """Another run may hold the lease now, so this one must stop."""


@dataclass(frozen=True)
class Lease:
    store: Store
    task: str
    stored: StoredObject
    expires_at: datetime
    clock: Clock

    @property
    def began_at(self) -> datetime:
        """When the lease was taken, by the store's clock."""
        return self.stored.created_at

    def check(self) -> None:
        """Checks that the lease is still ours. Raises LeaseLost if it is not, or if the store fails."""
        if self.clock() >= self.expires_at - MARGIN:
            raise LeaseLost(f"{self.task} stopped after {LENGTH}, when its lease ended: run it again for the rest")
        try:
            last = _last(self.store, self.task)
        except StoreError as error:
            raise LeaseLost(f"{self.task} stopped because its lease could not be checked: {error}") from error
        if last is None or (last.name, last.generation) != (self.stored.name, self.stored.generation):
            raise LeaseLost(
                f"{self.task} stopped: another run took over its lease, perhaps because this machine was suspended"
            )


@contextmanager
def leased(store: Store, task: str, clock: Clock) -> Iterator[Lease]:
    """Holds the lease of `task` during the block, and releases it afterwards.

    Raises StoreError if another run has it; the message says who and until when.
    """
    lease = _take(store, task, clock)
    try:
        yield lease
    finally:
        _remove_up_to(lease)


def _take(store: Store, task: str, clock: Clock) -> Lease:
    """Creates the next lease of the task. Raises StoreError if another run holds or has just taken it."""
    last = _last(store, task)
    number = 1
    if last is not None:
        number = (lock_names.lease_number(task, last.name) or 0) + 1
        _check_expired(store, task, last, clock())
    expires_at = clock() + LENGTH
    content = {"owner": f"{socket.gethostname()}:{os.getpid()}", "expires_at": rfc3339(expires_at)}
    try:
        stored = take_number(store, lock_names.lease(task, number), content, {})
    except ObjectExists:
        raise StoreError(f"another {task} has just started on {store.url}: let it finish") from None
    lease = Lease(store, task, stored, expires_at, clock)
    try:
        lease.check()
    except BaseException:
        remove(store, stored)
        raise
    return lease


def _check_expired(store: Store, task: str, last: StoredObject, now: datetime) -> None:
    owner, ends = _terms(store, last)
    if now < ends + MARGIN:
        raise StoreError(
            f"another {task} is running on {store.url}, started by {owner}: let it finish "
            f"(if it was killed, its lease expires at {rfc3339(ends + MARGIN)})"
        )


def _terms(store: Store, last: StoredObject) -> tuple[str, datetime]:
    """Returns the owner and the end of a lease: at most an hour after it was stored, even if it says otherwise."""
    try:
        content, ends = read_numbered(store, last, LENGTH)
        return printable(str(content["owner"])[:80], ""), ends
    except ObjectMissing:
        return "a run that has just ended", last.created_at - MARGIN
    except WRONG:
        return "an unknown run", last.created_at + LENGTH


def _last(store: Store, task: str) -> StoredObject | None:
    leases = _all(store, task)
    return leases[max(leases)] if leases else None


def _all(store: Store, task: str) -> dict[int, StoredObject]:
    return numbered(store, lock_names.lease_prefix(task), partial(lock_names.lease_number, task))


def _remove_up_to(lease: Lease) -> None:
    """Deletes the leases of killed runs, then this one: only the highest number is valid."""
    own = lock_names.lease_number(lease.task, lease.stored.name) or 0
    with suppress(StoreError):  # a lease that cannot be deleted expires
        remove_numbered(lease.store, _all(lease.store, lease.task), own)
    remove(lease.store, lease.stored)
