"""Takes a checkpoint: covers the new events, records the inventory, and reports differences from earlier checkpoints.

Order of effects: first the inventory, then the checkpoint that names it, then the copy. An interrupted run leaves an
inventory that no checkpoint names.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.audit.checkpoint import (
    MOST_OBJECTS,
    MOST_VANISHED,
    Checkpoint,
    CheckpointInventory,
    Stored,
    read_inventory,
    sealed,
)
from shared.audit.copy import copy_objects
from shared.audit.kept import check_kept
from shared.audit.read import Entry, contents, parse_entry
from shared.audit.recent import (
    LATE,
    Problem,
    Recent,
    checkpoint_numbers,
    checkpoint_objects,
    events_around,
    events_since,
    first_listed,
    read_recent,
)
from shared.clock import Clock, rfc3339, utc_now
from shared.errors import LitekeepError, NotGood, ObjectExists
from shared.model import names
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.model.trail_names import checkpoint_object, day_prefix, inventory_object, new_nonce, parse_event
from shared.statements.envelope import Signer
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey

_SHOWN_FOR = timedelta(hours=24)  # how long a vanished backup is reported
_MOST_PROBLEMS = 100


@dataclass(frozen=True)
class CheckpointOptions:
    """The input of `take_checkpoint`.

    `backups` are the stored backups; `leaving` are backups without a manifest that still have artifacts.
    """

    store: Store
    backups: frozenset[BackupName]
    leaving: frozenset[BackupName] = frozenset()
    copy: Store | None = None
    signer: Signer | None = None
    keys: "Collection[PublicKey]" = ()
    policy: str | None = None


@dataclass
class CheckpointTaken:
    """The result of a run. `stored` is None if another run took the checkpoint at the same time.

    `uncopied` is the reason why the copy store lacks it.
    """

    stored: Stored | None = None
    events: int = 0
    problems: list[Problem] = field(default_factory=list)
    vanished: dict[BackupName, datetime] = field(default_factory=dict)
    uncopied: str | None = None


def take_checkpoint(options: CheckpointOptions, clock: Clock = utc_now) -> CheckpointTaken:
    """Takes a checkpoint. Raises StoreError when the store cannot be read or written, KeyProblem."""
    now, taken = clock(), CheckpointTaken()
    newest_first = checkpoint_objects(options.store)
    copies = _numbers_in_copy(options, taken)
    recent = read_recent(options.store, newest_first, options.keys)
    taken.problems += recent.problems + _rolled_back(recent, copies)
    before = _previous_inventory(options.store, recent, taken.problems)
    new = _new_events(options.store, recent, now, taken.problems)
    taken.events = len(new)
    pending = _find_vanished(options, recent, before, new, now, taken)
    kept, problems = check_kept(options.store, before.kept if before else {}, recent.newest, now)
    taken.problems += problems
    backups = frozenset(_text(name) for name in options.backups | pending)
    inventory = CheckpointInventory(backups, kept, frozenset(_text(name) for name in pending))
    made = _store(options, recent, new, inventory, now, taken, max([recent.number, *copies]) + 1)
    if made:
        taken.stored = made[-1]
        taken.uncopied = taken.uncopied or _copy(options, [*made, *recent.newest_first], copies)
    del taken.problems[_MOST_PROBLEMS:]
    return taken


def _numbers_in_copy(options: CheckpointOptions, taken: CheckpointTaken) -> list[int]:
    if options.copy is None:
        return []
    try:
        return checkpoint_numbers(options.copy)
    except LitekeepError as error:
        taken.uncopied = str(error)
        return []


def _rolled_back(recent: Recent, copies: list[int]) -> list[Problem]:
    if not copies or copies[-1] <= recent.number:
        return []
    what = f"is in the copy store and not here, where {recent.number or 'none'} is the newest: the trail was cut"
    return [Problem(checkpoint_object(copies[-1]), what)]


def _previous_inventory(store: Store, recent: Recent, problems: list[Problem]) -> CheckpointInventory | None:
    if recent.newest is None:
        return None
    try:
        return read_inventory(store, recent.newest)
    except NotGood as error:
        problems.append(Problem(recent.newest.standing, str(error)))
        return None


def _new_events(store: Store, recent: Recent, now: datetime, problems: list[Problem]) -> dict[str, Entry | str]:
    """Returns the objects that no checkpoint covers, by name: the event, or the hash of an object that is not one."""
    listed = {item.name: item for item in events_around(store, recent.newest, now)}
    covered = recent.covered
    if recent.newest is not None:
        first = day_prefix(first_listed(recent.newest))
        gone = (name for name in covered if name not in listed and name >= first)
        problems += [Problem(name, "is gone since it was under a checkpoint") for name in gone]
    own_time = isinstance(store, OwnTime) and store.has_own_time
    found = _read(store, [item for name, item in listed.items() if name not in covered])
    for name, entry in found.items():
        what = "is no event" if isinstance(entry, str) or entry.event is None else None
        what = what or _misdated(name, listed[name], recent.newest, own_time=own_time)
        if what:
            problems.append(Problem(name, what))
    return found


def _read(store: Store, items: list[StoredObject]) -> dict[str, Entry | str]:
    found: dict[str, Entry | str] = {}
    for item, content in zip(items, contents(store, items), strict=True):
        if content is None:
            continue
        name = parse_event(item.name)
        found[item.name] = parse_entry(name, item.name, content) if name else hashlib.sha256(content).hexdigest()
    return found


def _misdated(name: str, item: StoredObject, newest: Checkpoint | None, *, own_time: bool) -> str | None:
    event = parse_event(name)
    if event is None:
        return None
    if newest is not None and event.at < newest.taken_at - LATE:
        return f"was added after checkpoint {newest.number} of {rfc3339(newest.taken_at)} with an older date"
    if own_time and abs(item.created_at - event.at) > LATE:
        return f"has another time than the store, which stored it at {rfc3339(item.created_at)}"
    return None


def _find_vanished(
    options: CheckpointOptions,
    recent: Recent,
    before: CheckpointInventory | None,
    new: Mapping[str, Entry | str],
    now: datetime,
    taken: CheckpointTaken,
) -> frozenset[BackupName]:
    """Records in `taken` the backups that are gone without a deletion in the trail.

    Returns the backups whose deletion seems to be in progress: the next checkpoint decides on them.
    """
    there = {_text(name): name for name in options.backups | options.leaving}
    known = recent.newest.vanished if recent.newest else {}
    for text, since in known.items():
        name = _name(text)
        if name is not None and name not in options.backups and now - since < _SHOWN_FOR:
            taken.vanished[name] = since
    if before is None:
        return frozenset()
    gone = {name for text in before.backups if (name := _name(text)) is not None and name not in options.backups}
    gone -= _deleted(new.values(), options)
    pending = {name for name in gone if _text(name) in there and _text(name) not in before.leaving}
    if missing := gone - pending:  # the deletion may have been stored after the events were listed
        later = [item for item in events_around(options.store, recent.newest, now) if item.name not in new]
        covered = recent.covered
        later = [item for item in later if item.name not in covered]
        missing -= _deleted(_read(options.store, later).values(), options)
    taken.vanished |= {name: now for name in sorted(missing, key=_text) if name not in taken.vanished}
    return frozenset(pending)


def _deleted(entries: Iterable[Entry | str], options: CheckpointOptions) -> set[BackupName]:
    """Returns the backups that were deleted from this store according to these events."""
    elsewhere = options.copy.url if options.copy else None
    found: set[BackupName] = set()
    for entry in entries:
        event = {} if isinstance(entry, str) else entry.event or {}
        if (event.get("event"), event.get("action")) != ("audit", "delete") or event.get("outcome") == "refused":
            continue  # a failed deletion counts: it may have removed the manifest before it failed
        if event.get("target") == elsewhere:
            continue
        kind, database, backup_id = (event.get(field) for field in ("kind", "database", "backup_id"))
        if kind in set(Kind) and isinstance(database, str) and isinstance(backup_id, str):
            found.add(BackupName(Kind(str(kind)), database, backup_id))
    return found


def _text(name: BackupName) -> str:
    return name.prefix


def _name(text: str) -> BackupName | None:
    parsed = names.parse(f"{text}.manifest.json")
    return parsed.backup if parsed else None


def _store(
    options: CheckpointOptions,
    recent: Recent,
    new: Mapping[str, Entry | str],
    inventory: CheckpointInventory,
    now: datetime,
    taken: CheckpointTaken,
    number: int,
) -> list[Stored]:
    """Stores the inventory and the checkpoints that the new events need; none if another run stored that number."""
    content = inventory.to_bytes()
    place = inventory_object(number, new_nonce())
    options.store.create(place, content, {})
    digests = [(name, each if isinstance(each, str) else each.sha256) for name, each in sorted(new.items())]
    parts = [dict(digests[at : at + MOST_OBJECTS]) for at in range(0, len(digests), MOST_OBJECTS)] or [{}]
    previous, made = recent.previous, list[Stored]()
    for offset, objects in enumerate(parts):
        checkpoint = Checkpoint(
            number=number + offset,
            taken_at=now,
            store=options.store.url,
            previous=previous,
            policy=options.policy,
            objects=objects,
            standing=place,
            standing_sha256=hashlib.sha256(content).hexdigest(),
            backups=len(inventory.backups),
            vanished={_text(name): since for name, since in list(taken.vanished.items())[:MOST_VANISHED]},
        )
        raw = sealed(checkpoint, options.signer)
        try:
            options.store.create(checkpoint_object(checkpoint.number), raw, {})
        except ObjectExists:
            return made
        previous = hashlib.sha256(raw).hexdigest()
        made.append(Stored(checkpoint, previous, signed=options.signer is not None, raw=raw))
    return made


def _copy(options: CheckpointOptions, checkpoints: list[Stored], copies: list[int]) -> str | None:
    """Copies the checkpoints that the copy store lacks, with their events. Returns why that failed, or None."""
    lacking = sorted((each for each in checkpoints if each.checkpoint.number not in copies), key=_number)
    if options.copy is None or not lacking:
        return None
    failed: str | None = None
    try:
        copy_objects(options.store, options.copy, _covered_objects(options.store, lacking))
    except LitekeepError as error:
        failed = str(error)  # the checkpoints are copied anyway: they are the anchor
    for each in lacking:
        try:
            options.copy.create(checkpoint_object(each.checkpoint.number), each.raw, {})
        except ObjectExists:
            continue
        except LitekeepError as error:
            return str(error)
    return failed


def _covered_objects(store: Store, checkpoints: list[Stored]) -> Iterator[StoredObject]:
    """Yields the events under these checkpoints, and their inventories."""
    names = {name for each in checkpoints for name in each.checkpoint.objects}
    times = [event.at for name in names if (event := parse_event(name)) is not None]
    events = events_since(store, min(times)) if times else ()
    yield from (item for item in events if item.name in names)
    for each in checkpoints:
        yield from store.list_objects(each.checkpoint.standing)


def _number(stored: Stored) -> int:
    return stored.checkpoint.number
