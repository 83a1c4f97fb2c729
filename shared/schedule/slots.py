"""Claims of schedule slots: of all runs started for a slot, one takes the backup.

Cloud Scheduler may start a slot twice, and Cloud Run retries a failed task although its backup may exist already.
A claim is a numbered object (see `shared.stores.numbered`), because the identity of a backup job may neither delete
nor replace objects.
A claim ends when its run reports that it made no backup, after an hour, and for a later attempt of the same task. The
slot is claimed again only if the store has no backup of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import Clock, rfc3339
from shared.errors import ObjectExists, ObjectMissing, StoreError
from shared.model.kinds import Kind
from shared.model.lock_names import Slot, claims_prefix, parse_claim
from shared.model.schedules import DEFAULT_SCHEDULES, Schedule
from shared.stores import Store, StoredObject
from shared.stores.numbered import WRONG, read_numbered, take_number

LENGTH = timedelta(hours=1)
EARLY = timedelta(seconds=10)  # the clocks of the scheduler and the job may differ by this much
_OWNER = "litekeep-owner"  # custom metadata: saves a read if the store has it
_MOST_ATTEMPTS = 1000
_LONGEST_OWNER = 300  # characters
_DAYS_BACK = 2  # all attempts of a task fall within these days


@dataclass(frozen=True)
class Runner:
    """One attempt of a Cloud Run task, counted from 0. An attempt starts after the previous one has ended."""

    execution: str
    task: int
    attempt: int

    @property
    def owner(self) -> str:
        return f"{self.execution}/{self.task}"


@dataclass(frozen=True)
class _Terms:
    owner: str
    attempt: int
    expires_at: datetime
    over: bool


def slot_of(kind: Kind, database: str, schedule: Schedule | None, now: datetime) -> Slot:
    """Returns the slot for which a run that starts now was started. None as the schedule means the kind's default."""
    return Slot(kind, database, (schedule or DEFAULT_SCHEDULES[kind]).slot_at(now + EARLY))


@contextmanager
def claimed(
    store: Store, slot: Slot, runner: Runner, backed_up: Callable[[datetime], bool], clock: Clock
) -> Iterator[bool]:
    """Claims a slot, and yields whether this run has it. If the block raises, the slot is released.

    `backed_up` returns whether the store has a backup of that kind and database taken since the given time.
    Raises StoreError if the store cannot be read or written.
    """
    own_claim = _take(store, slot, runner, backed_up, clock)
    try:
        yield own_claim is not None
    except BaseException:
        if own_claim is not None:
            _release(store, *own_claim, runner, clock)
        raise


def _take(
    store: Store, slot: Slot, runner: Runner, backed_up: Callable[[datetime], bool], clock: Clock
) -> tuple[Slot, int] | None:
    """Returns the claimed slot and the number of the claim; None if another run has the slot, or its backup exists."""
    if runner.attempt > 0:
        slot = _slot_of_earlier_attempt(store, slot, runner) or slot
    claims = {number: item for _, number, item in _claims(store, slot.prefix)}
    number = max(claims, default=0)
    if number:
        terms = _terms(store, claims[number])
        again = terms.owner == runner.owner and terms.attempt < runner.attempt
        if not (terms.over or again or clock() >= terms.expires_at):
            return None
        if backed_up(slot.begins_at - EARLY):
            return None
    try:
        _write(store, slot, number + 1, runner, clock, over=False)
    except ObjectExists:
        return None  # another run claimed it first
    return slot, number + 1


def _release(store: Store, slot: Slot, number: int, runner: Runner, clock: Clock) -> None:
    with suppress(StoreError):  # the claim expires anyway
        _write(store, slot, number + 1, runner, clock, over=True)


def _write(store: Store, slot: Slot, number: int, runner: Runner, clock: Clock, *, over: bool) -> None:
    expires_at = rfc3339(clock() + LENGTH)
    content = {"owner": runner.owner, "attempt": runner.attempt, "expires_at": expires_at, "over": over}
    take_number(store, slot.claim(number), content, {_OWNER: runner.owner})


def _slot_of_earlier_attempt(store: Store, slot: Slot, runner: Runner) -> Slot | None:
    """Returns the slot that an earlier attempt of this task claimed; by now the next slot may have begun."""
    for back in range(_DAYS_BACK):
        day = slot.begins_at - timedelta(days=back)
        for claimed_slot, _, item in reversed(_claims(store, claims_prefix(slot.kind, slot.database, day))):
            if item.metadata.get(_OWNER, runner.owner) == runner.owner and _terms(store, item).owner == runner.owner:
                return claimed_slot
    return None


def _claims(store: Store, prefix: str) -> list[tuple[Slot, int, StoredObject]]:
    found = ((parse_claim(item.name), item) for item in store.list_objects(prefix))
    return [(claim[0], claim[1], item) for claim, item in found if claim is not None]


def _terms(store: Store, item: StoredObject) -> _Terms:
    """Reads a claim. It ends at most an hour after it was stored, even if it says otherwise.

    A claim with invalid contents is treated as ended: it must not prevent a scheduled backup.
    """
    invalid = _Terms("", 0, item.created_at + LENGTH, over=True)
    try:
        content, ends = read_numbered(store, item, LENGTH)
        attempt = content["attempt"]
        if not isinstance(attempt, int) or not 0 <= attempt <= _MOST_ATTEMPTS:
            return invalid
        return _Terms(str(content["owner"])[:_LONGEST_OWNER], attempt, ends, content["over"] is True)
    except (ObjectMissing, *WRONG):
        return invalid
