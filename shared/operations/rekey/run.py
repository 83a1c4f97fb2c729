"""Wraps the data key of each backup with another key. Manifests and artifacts stay as they are.

Per backup: the data key is opened with the old key, wrapped with the new one, stored as a create-once sidecar, read
back, unwrapped with the new key, and checked against the manifest's seal. A backup that the new key opens already is
left as it is, so a second run continues an interrupted one. The old key keeps opening every backup.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import local

from shared.archive.data_key import DataKey
from shared.archive.rewrapping import is_genuine, make_rewrapping, open_rewrapping, open_sealed, parse_rewrapping
from shared.catalog.backup import Backup
from shared.catalog.holds import is_held
from shared.catalog.listing import Catalog
from shared.catalog.opening import read_small, sidecars
from shared.clock import Clock, utc_now
from shared.errors import KeyProblem, LitekeepError, NotGood, ObjectExists, ObjectMissing, StoreError
from shared.keys import WrappingKey
from shared.model import names
from shared.model.kinds import Kind
from shared.model.manifest import Manifest
from shared.model.names import BackupName
from shared.operations.erasure.rewrap import rewrap_ledger
from shared.runtime.progress import Progress, silent
from shared.stores import Store, StoredObject
from shared.stores.interface import Holding

_WORKERS = 8  # a call to Cloud KMS takes tens of milliseconds; its quota is 60,000 a minute
_AHEAD = 4 * _WORKERS  # backups that are submitted at a time
_MOST_IN_A_ROW = 16  # failures of a key: then the key is at fault, not the backups
_PROBE = b"litekeep 1 probe"

OpenKey = Callable[[], WrappingKey]


@dataclass(frozen=True)
class RekeyOptions:
    """Which backups to re-wrap. Each worker opens its own `old` and `new` key.

    `twin`: for a copy store, the main store, which was re-wrapped before; its sidecars are reused.
    """

    store: Store
    old: OpenKey
    new: OpenKey
    kind: Kind | None = None
    database: str | None = None
    dry_run: bool = False
    twin: Store | None = None


@dataclass
class Rekeyed:
    """The result. `already`: backups that the new key opened before; `failed`: the reason, by object name."""

    key: str
    done: list[BackupName] = field(default_factory=list)
    already: int = 0
    in_clear: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    ledger: str = "none"  # of erasures: `done`, `already` or `none`


def rekey(options: RekeyOptions, *, clock: Clock = utc_now, progress: Progress = silent) -> Rekeyed:
    """Re-wraps every backup of a store, oldest first, and continues after one that fails.

    Raises KeyProblem when the new key cannot wrap and unwrap, or a key fails 16 times in a row; StoreError when the
    store cannot be listed.
    """
    new = options.new()
    if new.unwrap(new.wrap(_PROBE, _PROBE), _PROBE) != _PROBE:
        raise KeyProblem(f"the key {new.name} cannot unwrap what it wrapped: use another")
    done, worker = Rekeyed(new.name), _Worker(options, new.name, clock)
    if not options.dry_run:  # first: no backup can be restored without the ledger
        done.ledger = rewrap_ledger(options.store, options.old(), new, new.name)
    backups = deque(reversed(Catalog(options.store).backups(options.kind, options.database)))
    in_a_row = 0
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="rekey") as pool:
        running: dict[Future[str], Backup] = {}
        try:
            while backups or running:
                while backups and len(running) < _AHEAD:
                    backup = backups.popleft()
                    running[pool.submit(worker.rewrap, backup)] = backup
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    problem = _count(future, running.pop(future), done)
                    in_a_row = in_a_row + 1 if isinstance(problem, KeyProblem) else 0
                    if problem is not None and in_a_row == _MOST_IN_A_ROW:
                        raise KeyProblem(f"stopped after {in_a_row} failures of a key in a row, the last: {problem}")
                finished = len(done.done) + done.already + done.in_clear + len(done.failed)
                progress("rekey", finished, finished + len(backups) + len(running))
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def _count(future: "Future[str]", backup: Backup, done: Rekeyed) -> LitekeepError | None:
    """Adds the outcome to `done`. Returns the error, if there was one."""
    try:
        outcome = future.result()
    except LitekeepError as error:
        done.failed[backup.name.prefix] = str(error)
        return error
    if outcome == "done":
        done.done.append(backup.name)
    elif outcome == "already":
        done.already += 1
    else:
        done.in_clear += 1
    return None


class _Worker:
    """Re-wraps backups, one at a time in each thread."""

    def __init__(self, options: RekeyOptions, new_name: str, clock: Clock) -> None:
        self._options = options
        self._catalog = Catalog(options.store)
        self._new_name = new_name  # with Cloud KMS, of the key version that wraps now
        self._clock = clock
        self._thread = local()

    def rewrap(self, backup: Backup) -> str:
        """Returns `done`, `already` or `in clear`."""
        if backup.damaged:
            raise NotGood(backup.damaged)
        manifest, raw = self._catalog.read_manifest(backup)
        if manifest.encryption is None:
            return "in clear"
        if self._is_done(backup, manifest, raw):
            return "already"
        if self._options.dry_run:
            self._data_key(backup, manifest, raw)
            return "done"
        number, sidecar = self._from_twin(backup, manifest, raw) or self._make(backup, manifest, raw)
        stored = self._store(manifest.name, number, sidecar)
        self._prove(stored, manifest, raw)
        if isinstance(self._options.store, Holding) and is_held(self._options.store, manifest.name):
            self._options.store.set_hold(stored.name, stored.generation, held=True)
        return "done"

    @property
    def _new(self) -> WrappingKey:
        if not hasattr(self._thread, "new"):
            self._thread.new = self._options.new()
        key: WrappingKey = self._thread.new
        return key

    @property
    def _old(self) -> WrappingKey:
        if not hasattr(self._thread, "old"):
            self._thread.old = self._options.old()
        key: WrappingKey = self._thread.old
        return key

    def _is_done(self, backup: Backup, manifest: Manifest, raw: bytes) -> bool:
        """Returns whether the new key, in the version that wraps now, opens the backup. Tries it."""
        if manifest.encryption is not None and manifest.encryption.key == self._new_name:
            return open_sealed(manifest, raw, self._new) is not None
        found = sidecars(self._options.store, backup)
        return any(self._opens(read(), number, manifest, raw) for number, read in found)

    def _opens(self, sidecar: bytes, number: int, manifest: Manifest, raw: bytes) -> bool:
        """Returns whether a sidecar is by the new key's version and opens the backup."""
        found = parse_rewrapping(sidecar, manifest.name, number)
        if found is None or found.encryption.key != self._new_name:
            return False
        try:
            return open_rewrapping(sidecar, number, manifest, raw, self._new) is not None
        except NotGood:
            return False

    def _data_key(self, backup: Backup, manifest: Manifest, raw: bytes) -> DataKey:
        """Opens the data key with the old key, or else with the new one, whose older version may have wrapped it."""
        try:
            data_key = open_sealed(manifest, raw, self._old, sidecars(self._options.store, backup))
        except KeyProblem as problem:
            try:
                data_key = open_sealed(manifest, raw, self._new, sidecars(self._options.store, backup))
            except KeyProblem:
                raise problem from None
        assert data_key is not None, "an encrypted backup has a data key"
        return data_key

    def _make(self, backup: Backup, manifest: Manifest, raw: bytes) -> tuple[int, bytes]:
        """Makes the next re-wrapping: its number and its bytes."""
        data_key = self._data_key(backup, manifest, raw)
        number = 1 + max(self._genuine(backup, manifest, raw, data_key), default=0)
        taken = {number for number, _ in sidecars(self._options.store, backup)}
        while number in taken:  # somebody stored an object there that is not a re-wrapping
            number += 1
        return number, make_rewrapping(manifest.name, number, data_key, self._new, self._clock())

    def _genuine(self, backup: Backup, manifest: Manifest, raw: bytes, data_key: DataKey) -> Sequence[int]:
        """Returns the numbers of the authentic re-wrappings."""
        genuine = []
        for number, read in sidecars(self._options.store, backup):
            sidecar = read()
            found = parse_rewrapping(sidecar, manifest.name, number)
            if found is not None and is_genuine(sidecar, found, data_key):
                genuine.append(number)
        return genuine

    def _from_twin(self, backup: Backup, manifest: Manifest, raw: bytes) -> tuple[int, bytes] | None:
        """Returns the other store's re-wrapping of this backup, if the new key opens the backup with it."""
        twin, taken = self._options.twin, {number for number, _ in sidecars(self._options.store, backup)}
        if twin is None:
            return None
        for item in twin.list_objects(f"{manifest.name.prefix}.rekey-"):
            parsed = names.parse(item.name)
            if parsed is None or parsed.number is None or parsed.backup != manifest.name or parsed.number in taken:
                continue
            sidecar = read_small(twin, item)
            if self._opens(sidecar, parsed.number, manifest, raw):
                return parsed.number, sidecar
        return None

    def _store(self, name: BackupName, number: int, sidecar: bytes) -> StoredObject:
        try:
            return self._options.store.create(name.rewrapping(number), sidecar, {})
        except ObjectExists:
            raise ObjectExists(f"another run stored {name.rewrapping(number)} at the same time: run it again") from None

    def _prove(self, stored: StoredObject, manifest: Manifest, raw: bytes) -> None:
        """Reads the sidecar back and opens the backup with it. Raises NotGood or StoreError."""
        parsed = names.parse(stored.name)
        try:
            sidecar = read_small(self._options.store, stored)
        except ObjectMissing:
            raise StoreError(f"{stored.name} was removed right after it was stored: run it again") from None
        if parsed is None or parsed.number is None:
            raise StoreError(f"{stored.name} is not a re-wrapping")
        if open_rewrapping(sidecar, parsed.number, manifest, raw, self._new) is None:
            raise NotGood(f"{stored.name} names another key than the one that wrapped it: run it again")
