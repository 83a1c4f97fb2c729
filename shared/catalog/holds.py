"""Holds on backups. Nothing deletes a held backup, however old it is.

A hold is a separate object beside the backup. It is created only if none exists, so a second hold is refused. If the
store can hold objects itself (Cloud Storage's temporary hold), its holds are set too: no person, tool or lifecycle rule
can then delete the manifest or an artifact until the hold is released.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clock import Clock, parse_time, rfc3339, utc_now
from shared.errors import NotGood, ObjectExists, ObjectMissing, StoreError, UsageError
from shared.model import names
from shared.model.kinds import Kind
from shared.model.manifest import LARGEST_MANIFEST, parse_manifest
from shared.model.names import BackupName, Format, kind_prefix
from shared.model.trail_names import BESIDE_TRAIL
from shared.runtime.so_far import note, unsure
from shared.stores import Store, StoredObject
from shared.stores.interface import Holding
from shared.text import printable

_LARGEST = 64 << 10  # bytes
_LONGEST_REASON = 500
_LONGEST_PATH = 1000  # backups from a point to its base


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on a backup. `by_store`: whether the store itself holds the objects too."""

    backup: BackupName
    reason: str
    held_by: str
    held_at: datetime | None
    by_store: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the JSON stored in the hold's object and shown by `hold --json`."""
        return {
            "id": self.backup.id,
            "database": self.backup.database,
            "kind": self.backup.kind.value,
            "reason": self.reason,
            "held_by": self.held_by,
            "held_at": rfc3339(self.held_at) if self.held_at else None,
            "by_store": self.by_store,
        }

    def beside_backup(self) -> dict[str, Any]:
        """Returns the field `hold` of a backup in JSON output."""
        return {"reason": self.reason, "by": self.held_by, "since": rfc3339(self.held_at) if self.held_at else None}


def hold(
    store: Store, backup_id: str, reason: str, held_by: str, *, database: str | None = None, clock: Clock = utc_now
) -> Hold:
    """Holds the backup with that id.

    Raises UsageError if no backup or several match or the reason is empty; ObjectExists if it is already held;
    StoreError if the store refuses or the backup was deleted meanwhile.
    """
    reason = _checked_reason(reason)
    name = _single_match(store, backup_id, database, role="manifest")
    made = Hold(name, reason, held_by, clock(), isinstance(store, Holding))
    content = json.dumps(made.to_json(), indent=2, ensure_ascii=False).encode() + b"\n"
    try:
        with unsure("hold", f"whether {name.id} is held is shown by litekeep list", f"{name.id} is held"):
            stored = store.create(name.hold, content, {})
    except ObjectExists:
        raise ObjectExists(f"{name.id} is held already ({read_hold(store, name).reason}): release it first") from None
    # Checked after the hold is stored: a cleanup that starts now respects the hold, but one already running may not.
    if not is_stored(store, name.manifest):
        store.delete(stored.name, stored.generation)
        raise StoreError(f"{name.id} was deleted while it was being held: hold another one")
    if isinstance(store, Holding):
        for each in (name, *rests_on(store, name)):
            _set_store_holds(store, store, each, held=True)
    return made


def release(store: Store, backup_id: str, *, database: str | None = None) -> Hold:
    """Releases the hold on the backup with that id and returns the ended hold.

    Raises UsageError if no held backup or several match; StoreError if the store refuses.
    """
    name = _single_match(store, backup_id, database, role="hold")
    ended = read_hold(store, name)
    if isinstance(store, Holding):
        for each in _needed_by_no_other(store, name):
            _set_store_holds(store, store, each, held=False)
    note("hold", f"whether {name.id} is still held is shown by litekeep list: run litekeep release again")
    # Deleted last: until then the backup is still held, and an interrupted release can be run again.
    for item in _objects_of(store, name):
        if item.name == name.hold:
            store.delete(item.name, item.generation)
    note("hold", f"{name.id} is released")
    return ended


def read_hold(store: Store, name: BackupName) -> Hold:
    """Reads the hold of a backup. An unreadable hold is a hold too, with an unknown reason."""
    try:
        with store.open(name.hold) as stream:
            content = json.loads(stream.read(_LARGEST))
        held_at = parse_time(content["held_at"])
        return Hold(name, _one_line(content["reason"]), _one_line(content["held_by"]), held_at)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ObjectMissing):
        return Hold(name, "its reason cannot be read", "unknown", None)


def is_held(store: Store, name: BackupName) -> bool:
    """Returns whether the backup is held. Reads the object and uses no listing. Raises StoreError."""
    return is_stored(store, name.hold)


def is_stored(store: Store, object_name: str, generation: str | None = None) -> bool:
    """Returns whether the object exists. Reads it and uses no listing. Raises StoreError."""
    try:
        with store.open(object_name, generation):
            return True
    except ObjectMissing:
        return False


def rests_on(store: Store, name: BackupName) -> list[BackupName]:
    """Returns the backups that a point of a chain builds on, nearest first; an empty list for other backups.

    Stops at a manifest that is missing or cannot be read.
    """
    found: list[BackupName] = []
    at = name
    for _ in range(_LONGEST_PATH):
        try:
            with store.open(at.manifest) as stream:
                chain = parse_manifest(stream.read(LARGEST_MANIFEST), at).chain
        except (NotGood, ObjectMissing):
            break
        if chain is None or chain.parent is None:
            break
        at = BackupName(at.kind, at.database, chain.parent)
        found.append(at)
    return found


def _needed_by_no_other(store: Store, name: BackupName) -> list[BackupName]:
    """Returns the backup and those it builds on, except those that another held backup builds on."""
    path = [name, *rests_on(store, name)]
    if name.kind is not Kind.CONTINUOUS:
        return path
    held = _named(store.list_objects(kind_prefix(name.kind, name.database)), "hold")
    needed = {each for other in held if other != name for each in (other, *rests_on(store, other))}
    return [each for each in path if each not in needed]


def _single_match(store: Store, backup_id: str, database: str | None, *, role: str) -> BackupName:
    """Returns the one backup with that id that has an object of that role. Raises UsageError.

    Only names are compared, so that a damaged backup can be held too.
    """
    fitting = [name for name in _named(store.list_objects(start=BESIDE_TRAIL), role) if name.id == backup_id]
    if database is not None:
        fitting = [name for name in fitting if name.database == database]
    if not fitting:
        what = "is not held" if role == "hold" else "is no backup"
        raise UsageError(f"{backup_id!r} {what} in {store.url}: see litekeep list")
    if len(fitting) > 1:
        places = ", ".join(f"{name.kind}/{name.database}" for name in fitting)
        raise UsageError(f"{backup_id!r} could be any of {places}: add --database")
    return fitting[0]


def _named(found: Iterable[StoredObject], role: str) -> list[BackupName]:
    parsed = (names.parse(item.name) for item in found)
    return [each.backup for each in parsed if each is not None and each.role == role]


def _objects_of(store: Store, name: BackupName) -> list[StoredObject]:
    found = ((names.parse(item.name), item) for item in store.list_objects(name.prefix))
    return [item for parsed, item in found if parsed is not None and parsed.backup == name]


def _set_store_holds(store: Store, holder: Holding, name: BackupName, *, held: bool) -> None:
    try:
        for item in _objects_of(store, name):
            parsed = names.parse(item.name)
            if parsed is not None and parsed.role in ("manifest", "rekey", *Format):
                holder.set_hold(item.name, item.generation, held=held)
    except StoreError as error:
        what = "is held by Litekeep, but not by the store itself" if held else "is still held"
        raise StoreError(f"{name.id} {what}: {error}") from None


def _checked_reason(reason: str) -> str:
    reason = _one_line(reason)
    if not reason or len(reason) > _LONGEST_REASON:
        raise UsageError(f"--reason is empty or longer than {_LONGEST_REASON} characters: say in a line why it is held")
    return reason


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return printable(line, "")[: _LONGEST_REASON + 1]
