"""Counts the backups that each key version wraps, and those that would be lost with it.

A sidecar counts only if its seal was checked, with the data key that the configured key opens. One that cannot be
checked does not count: a forged one could make somebody destroy a key that is still needed.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import local
from typing import Any

from shared.archive.rewrapping import is_genuine, open_sealed, parse_rewrapping
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import sidecars
from shared.clock import rfc3339
from shared.errors import KeyProblem, NotGood, ObjectMissing
from shared.model.names import BackupName
from shared.operations.erasure.ledger import keys_of, named_key
from shared.operations.rekey.run import OpenKey
from shared.runtime.progress import Progress, silent

_WORKERS = 8


@dataclass
class KeyUse:
    """One key version. `only`: the backups that no other key is known to open; they would be lost with it."""

    key: str
    backups: int = 0
    only: list[BackupName] = field(default_factory=list)
    held: int = 0  # of `only`
    needed_until: datetime | None = None  # the latest date until which a backup of `only` is kept

    def to_json(self) -> dict[str, Any]:
        by_database: dict[str, int] = {}
        for name in self.only:
            by_database[name.database] = by_database.get(name.database, 0) + 1
        return {
            "key": self.key,
            "backups": self.backups,
            "lost_if_destroyed": len(self.only),
            "lost_by_database": by_database,
            "needed_until": rfc3339(self.needed_until) if self.needed_until else None,
            "held": self.held,
        }


@dataclass
class KeyUsage:
    """The keys of a store. `unchecked`: backups with re-wrappings that the configured key cannot check.

    `unreadable`: the reason for each backup that cannot be read, by name.
    """

    store: str
    keys: dict[str, KeyUse] = field(default_factory=dict)
    in_clear: int = 0
    unchecked: list[BackupName] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    erasures: list[str] = field(default_factory=list)  # the keys that wrap the secret of the erasure ledger

    def to_json(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "keys": [self.keys[key].to_json() for key in sorted(self.keys)],
            "in_clear": self.in_clear,
            "unchecked": len(self.unchecked),
            "unreadable": self.unreadable,
            "erasures": self.erasures,
        }


@dataclass(frozen=True)
class _Wrapped:
    """The keys that wrap one backup."""

    keys: frozenset[str]
    keep_until: datetime | None
    unchecked: bool


def key_usage(catalog: Catalog, open_key: OpenKey | None, *, progress: Progress = silent) -> KeyUsage:
    """Reads which keys wrap every backup of a store. Raises StoreError when it cannot be listed or read."""
    usage, reader = KeyUsage(catalog.store.url), _Reader(catalog, open_key)
    backups = catalog.backups()
    usage.erasures = sorted({name for raw in keys_of(catalog.store).values() if (name := named_key(raw))})
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="keys") as pool:
        try:
            for number, (backup, found) in enumerate(zip(backups, pool.map(reader.read, backups), strict=True)):
                progress("keys", number, len(backups))
                _count(usage, backup, found)
        finally:
            pool.shutdown(cancel_futures=True)
    return usage


def _count(usage: KeyUsage, backup: Backup, found: "_Wrapped | NotGood | None") -> None:
    """Adds one backup and the keys that wrap it to the usage."""
    if found is None:
        return  # removed since the listing
    if isinstance(found, NotGood):
        usage.unreadable[backup.name.prefix] = str(found)
        return
    if not found.keys:
        usage.in_clear += 1
    if found.unchecked:
        usage.unchecked.append(backup.name)
    for key in found.keys:
        use = usage.keys.setdefault(key, KeyUse(key))
        use.backups += 1
        if len(found.keys) == 1:
            use.only.append(backup.name)
            use.held += backup.hold is not None
            until = (use.needed_until, found.keep_until)
            use.needed_until = max((each for each in until if each is not None), default=None)


class _Reader:
    def __init__(self, catalog: Catalog, open_key: OpenKey | None) -> None:
        self._catalog = catalog
        self._open_key = open_key
        self._thread = local()

    def read(self, backup: Backup) -> "_Wrapped | NotGood | None":
        """Returns the keys that wrap a backup, or why it cannot be read; None if it was deleted meanwhile."""
        if backup.damaged:
            return NotGood(backup.damaged)
        try:
            manifest, raw = self._catalog.read_manifest(backup)
            read = {number: each() for number, each in sidecars(self._catalog.store, backup)}
        except NotGood as error:
            return error
        except ObjectMissing:
            return None
        if manifest.encryption is None:
            return _Wrapped(frozenset(), manifest.keep_until, unchecked=False)
        keys = {manifest.encryption.key}
        unchecked = False
        if read:
            try:
                data_key = open_sealed(manifest, raw, self._key(), _as_sidecars(read))
            except (KeyProblem, NotGood):
                unchecked = True
            else:
                for number, sidecar in read.items():
                    found = parse_rewrapping(sidecar, manifest.name, number)
                    if found is not None and data_key is not None and is_genuine(sidecar, found, data_key):
                        keys.add(found.encryption.key)
        return _Wrapped(frozenset(keys), manifest.keep_until, unchecked)

    def _key(self) -> Any:
        if not hasattr(self._thread, "key"):
            self._thread.key = self._open_key() if self._open_key else None
        return self._thread.key


def _as_sidecars(read: Mapping[int, bytes]) -> Iterable[tuple[int, Any]]:
    """Returns re-wrappings that were read already, in the form of `sidecars`."""
    for number, sidecar in read.items():
        yield number, lambda sidecar=sidecar: sidecar
