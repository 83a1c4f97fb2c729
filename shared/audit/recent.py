"""Reads the newest checkpoints of a store and the events since then, with which the next checkpoint is compared."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from shared.audit.checkpoint import LARGEST, Checkpoint, Stored, parse_checkpoint_bytes
from shared.audit.read import contents
from shared.errors import NotGood
from shared.model.trail_names import (
    AFTER_CHECKPOINTS,
    CHECKPOINTS,
    TRAIL,
    checkpoint_object,
    day_prefix,
    parse_checkpoint,
)
from shared.stores import Store, StoredObject

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey

LATE = timedelta(minutes=10)  # how long after its time an event may be stored
_OVERLAP = timedelta(hours=1)
_AT_ONCE = 50  # checkpoints fetched in one batch
_AHEAD = 8  # of these when only the newest are wanted: as many as a bucket is asked for at the same time
_MOST_DAYS = 400  # days listed one by one; a longer time is one listing


class Problem(NamedTuple):
    """A problem with one object of the trail."""

    object: str
    what: str


@dataclass
class Recent:
    """The checkpoints since the beginning of the first day that `events_around` lists.

    `previous` is the hash of the newest one, even if that is not valid. `number` is its number.
    """

    newest_first: list[Stored] = field(default_factory=list)
    previous: str | None = None
    number: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def newest(self) -> Checkpoint | None:
        """The newest valid checkpoint."""
        return self.newest_first[0].checkpoint if self.newest_first else None

    @property
    def covered(self) -> dict[str, str]:
        """The events under these checkpoints."""
        return {name: digest for each in self.newest_first for name, digest in each.checkpoint.objects.items()}


def checkpoint_numbers(store: Store) -> list[int]:
    """Returns the numbers of the stored checkpoints, ascending. Raises StoreError."""
    found = (parse_checkpoint(item.name) for item in store.list_objects(CHECKPOINTS))
    return sorted(number for number in found if number is not None)


def checkpoint_objects(store: Store) -> list[tuple[int, StoredObject]]:
    """Returns the numbers and objects of the stored checkpoints, newest first. Raises StoreError."""
    listed = [(parse_checkpoint(item.name), item) for item in store.list_objects(CHECKPOINTS)]
    return [(number, item) for number, item in reversed(listed) if number is not None]


def read_checkpoints(
    store: Store, items: Sequence[tuple[int, StoredObject]], keys: "Collection[PublicKey]"
) -> Iterator[tuple[int, Stored | str | None]]:
    """Yields each checkpoint in the given order; the reason if it is not valid, None if it was deleted.

    Raises StoreError.
    """
    for number, raw in _bytes_of(store, items, _AT_ONCE):
        if raw is None:
            yield number, None
            continue
        try:
            yield number, parse_checkpoint_bytes(raw, number, keys)
        except NotGood as error:
            yield number, str(error)


def events_since(store: Store, since: datetime | None) -> Iterator[StoredObject]:
    """Yields the trail's objects without checkpoints, from the day of `since` on. Raises StoreError."""
    start = "" if since is None else day_prefix(since.astimezone(UTC).date())
    for item in store.list_objects(TRAIL, start):
        if item.name.startswith(CHECKPOINTS):
            break
        yield item
    yield from store.list_objects(TRAIL, AFTER_CHECKPOINTS)


def read_recent(
    store: Store, newest_first: Sequence[tuple[int, StoredObject]], keys: "Collection[PublicKey]"
) -> Recent:
    """Reads the newest checkpoint, and earlier ones from the days that `events_around` lists. Raises StoreError."""
    recent = Recent(number=newest_first[0][0] if newest_first else 0)
    first_day: datetime | None = None
    expected: tuple[int, str | None] | None = None
    for number, raw in _bytes_of(store, newest_first, _AHEAD):
        name = checkpoint_object(number)
        stored, digest = _parse(raw, number, keys, recent.problems)
        if number == recent.number:
            recent.previous = digest
        elif expected is not None and digest is not None and expected[0] == number and digest != expected[1]:
            recent.problems.append(Problem(name, "is not the one that the next checkpoint names"))
        if stored is None:
            continue
        recent.newest_first.append(stored)
        checkpoint = stored.checkpoint
        first_day = first_day or _day_start(checkpoint.taken_at - _OVERLAP)
        if checkpoint.taken_at < first_day:
            break
        expected = (number - 1, checkpoint.previous)
    recent.problems += _missing_checkpoints(recent)
    return recent


def events_around(store: Store, newest: Checkpoint | None, now: datetime) -> Iterator[StoredObject]:
    """Yields the events since the day of `newest`, less an overlap; all events without it. Raises StoreError."""
    days = [] if newest is None else list(_days(first_listed(newest), (now + _OVERLAP).date()))
    if not days:
        yield from events_since(store, None if newest is None else _first_moment(newest))
        return
    for day in days:
        yield from store.list_objects(day_prefix(day))


def first_listed(newest: Checkpoint) -> date:
    """Returns the first day that `events_around` lists."""
    return _first_moment(newest).date()


def _first_moment(newest: Checkpoint) -> datetime:
    return newest.taken_at.astimezone(UTC) - _OVERLAP


def _days(first: date, last: date) -> Iterator[date]:
    count = (last - first).days + 1
    if count <= _MOST_DAYS:
        yield from (first + timedelta(days=number) for number in range(count))


def _day_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _bytes_of(
    store: Store, items: Sequence[tuple[int, StoredObject]], at_once: int
) -> Iterator[tuple[int, bytes | None]]:
    """Yields the bytes of each checkpoint, None for a deleted one. Fetches `at_once` of them together."""
    for at in range(0, len(items), at_once):
        part = items[at : at + at_once]
        for (number, _), raw in zip(part, contents(store, [item for _, item in part], LARGEST), strict=True):
            yield number, raw


def _parse(
    raw: bytes | None, number: int, keys: "Collection[PublicKey]", problems: list[Problem]
) -> tuple[Stored | None, str | None]:
    """Returns a checkpoint and the hash of its bytes, each None if not available. Adds what is wrong to `problems`."""
    name = checkpoint_object(number)
    if raw is None:
        problems.append(Problem(name, "is gone"))
        return None, None
    digest = hashlib.sha256(raw).hexdigest()
    try:
        return parse_checkpoint_bytes(raw, number, keys), digest
    except NotGood as error:
        problems.append(Problem(name, str(error)))
        return None, digest


def _missing_checkpoints(recent: Recent) -> list[Problem]:
    numbers = [each.checkpoint.number for each in recent.newest_first]
    if not numbers:
        return []
    missing = sorted(set(range(numbers[-1], numbers[0])) - set(numbers))
    known = {each.object for each in recent.problems}
    names = [checkpoint_object(number) for number in missing[:100]]
    return [Problem(name, "is missing") for name in names if name not in known]
