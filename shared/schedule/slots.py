"""Whose a schedule's slot is: of all runs that are started for it, one takes the backup.

Cloud Scheduler may start a slot twice, and Cloud Run starts a task again that failed, though its backup may exist
already. A claim is a numbered object (see `shared.stores.numbered`): nothing is deleted or replaced, which a backup's
identity may not do.
A slot is free again when its run says that no backup came of it, when an hour has passed, and for a later
attempt of the very task that claimed it, whose earlier attempt is over. Even then it is taken only while the
store holds no backup of it.
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
EARLY = timedelta(seconds=10)  # a scheduler and a job's machine may differ by that much
_OWNER = "litekeep-owner"  # custom metadata: saves a read where the store has it
_MOST_ATTEMPTS = 1000
_LONGEST_OWNER = 300  # characters
_DAYS_BACK = 2  # a task's attempts lie within that


@dataclass(frozen=True)
class Runner:
    """One attempt of a task, as Cloud Run counts them from 0. An attempt begins when the one before is over."""

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
    """The slot that a run which starts now was started for; without a schedule, that of the kind's usual one."""
    return Slot(kind, database, (schedule or DEFAULT_SCHEDULES[kind]).slot_at(now + EARLY))


@contextmanager
def claimed(
    store: Store, slot: Slot, runner: Runner, backed_up: Callable[[datetime], bool], clock: Clock
) -> Iterator[bool]:
    """Yields whether the slot is this run's. When the block ends in an error, the slot is given back.

    `backed_up` tells whether the store holds a backup of that kind and database that was taken since then.
    Raises StoreError when the store does not let anyone tell or claim.
    """
    mine = _take(store, slot, runner, backed_up, clock)
    try:
        yield mine is not None
    except BaseException:
        if mine is not None:
            _give_back(store, *mine, runner, clock)
        raise


def _take(
    store: Store, slot: Slot, runner: Runner, backed_up: Callable[[datetime], bool], clock: Clock
) -> tuple[Slot, int] | None:
    if runner.attempt > 0:
        slot = _of_an_earlier_attempt(store, slot, runner) or slot
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
        return None  # another took it this very moment
    return slot, number + 1


def _give_back(store: Store, slot: Slot, number: int, runner: Runner, clock: Clock) -> None:
    with suppress(StoreError):  # it ends by itself
        _write(store, slot, number + 1, runner, clock, over=True)


def _write(store: Store, slot: Slot, number: int, runner: Runner, clock: Clock, *, over: bool) -> None:
    expires_at = rfc3339(clock() + LENGTH)
    says = {"owner": runner.owner, "attempt": runner.attempt, "expires_at": expires_at, "over": over}
    take_number(store, slot.claim(number), says, {_OWNER: runner.owner})


def _of_an_earlier_attempt(store: Store, slot: Slot, runner: Runner) -> Slot | None:
    """The slot that this task claimed when it was first tried: by now the next one may have begun."""
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
    """What a claim says; whatever it says, it ends within an hour of when it was stored.

    One that no run of ours would write is nobody's: it must not keep a scheduled backup from being taken.
    """
    nobodys = _Terms("", 0, item.created_at + LENGTH, over=True)
    try:
        content, ends = read_numbered(store, item, LENGTH)
        attempt = content["attempt"]
        if not isinstance(attempt, int) or not 0 <= attempt <= _MOST_ATTEMPTS:
            return nobodys
        return _Terms(str(content["owner"])[:_LONGEST_OWNER], attempt, ends, content["over"] is True)
    except (ObjectMissing, *WRONG):
        return nobodys
