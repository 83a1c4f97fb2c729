"""The order of effects of a cleanup, under its lease.

The store is listed and judged twice, and only what both listings let go goes: one that lost a page must
not cost a backup. Then, backup by backup, newest first so that whoever needs another goes before it: the store
is asked by name whether those that protect the rest are there and nobody holds this one; its manifest is read and must
say what the listing said; then the manifest goes, and from then on no catalog knows the backup;
then its verdicts and artifacts, which are orphans if we are stopped here, for a later run to sweep.
Before each delete the lease is asked for again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from shared.catalog.checker import Checker, OpenKey
from shared.catalog.holds import is_held, is_stored
from shared.catalog.listing import Catalog
from shared.catalog.summary import beside_manifest
from shared.clock import CLOCKS_DIFFER_BY, Clock, rfc3339, utc_now
from shared.errors import NotGood, StoreError
from shared.model.lock_names import UNCHANGED, parse_unchanged
from shared.model.manifest import Manifest
from shared.retention.elsewhere import Elsewhere
from shared.retention.gaps import left_out, said_of
from shared.retention.inventory import take_inventory
from shared.retention.lease import Lease, LeaseLost, leased
from shared.retention.looked_at import doubts, looked_at
from shared.retention.orphans import find_orphans, held_orphans
from shared.retention.outcome import Outcome
from shared.retention.plan import Candidate, RetentionDecision, RetentionPlan, RetentionPolicy
from shared.runtime.progress import Progress, silent
from shared.runtime.so_far import note
from shared.stores import Store
from shared.stores.interface import OwnTime
from shared.text import count

if TYPE_CHECKING:
    from shared.model.names import BackupName

Tell = Callable[["BackupName", str], None]

TASK = "cleanup"
_NEW = timedelta(minutes=10)
_MARKS_LAST = timedelta(days=30)  # as on a bucket, by its lifecycle


def preview(
    store: Store,
    policy: RetentionPolicy,
    *,
    database: str | None = None,
    clock: Clock = utc_now,
    elsewhere: Elsewhere | None = None,
    open_key: OpenKey | None = None,
) -> Outcome:
    """What a cleanup would do now. Writes nothing and takes no lease. Raises StoreError."""
    outcome = _StoreLook(store, policy, database, clock, elsewhere, Checker(open_key)).judge(None)
    outcome.attention += _gaps(store, outcome, None, outcome.planned_at - _NEW)
    return outcome


def clean(
    store: Store,
    policy: RetentionPolicy,
    *,
    database: str | None = None,
    clock: Clock = utc_now,
    progress: Progress = silent,
    tell: Tell = lambda _name, _why: None,
    elsewhere: Elsewhere | None = None,
    open_key: OpenKey | None = None,
) -> Outcome:
    """Deletes what the policy lets go, of one database when it is given, and says what became of each.

    `elsewhere` is what the other of main and copy store says.

    What the store refuses to delete is noted in the outcome, and the run goes on. Raises StoreError when the store
    cannot be listed or read, when another cleanup is at work, or when our clock is not that of the store.
    What protects others by its verdict is looked at with the key that `open_key` gives, where that may decrypt.
    `tell` hears of each backup right when it is gone, and why: so that a run that is killed has left its trace.
    """
    with leased(store, TASK, clock) as lease:
        _compare_clocks(store, lease)
        judge = _StoreLook(store, policy, database, clock, elsewhere, Checker(open_key))
        first, outcome = judge.judge(lease), judge.judge(lease)
        differing = first.going ^ outcome.going
        outcome.going &= first.going
        outcome.attention += [f"{name.id} stays: two listings differ over it" for name in sorted(differing, key=str)]
        outcome.attention += _gaps(store, first, outcome, lease.began_at)
        run = _Run(store, lease, outcome, progress, tell, elsewhere)
        try:
            run.delete_backups()
            run.sweep(first)
            run.sweep_marks()
        except LeaseLost as error:
            outcome.errors.append(str(error))
    return outcome


@dataclass(frozen=True)
class _StoreLook:
    """One look at the store and what the policy says of it."""

    store: Store
    policy: RetentionPolicy
    database: str | None
    clock: Clock
    elsewhere: Elsewhere | None
    checker: Checker

    def judge(self, lease: Lease | None) -> Outcome:
        inventory, now = take_inventory(self.store), self.clock()
        if self.elsewhere is not None:
            inventory = self.elsewhere.applied(inventory)
        policy = replace(self.policy, retired=inventory.retired)
        if self.database is not None:
            inventory = inventory.only(self.database)
        inventory, made = looked_at(inventory, policy, now, Catalog(self.store), self.checker)
        orphans = find_orphans(inventory, lease.began_at if lease else now)
        whole = self.elsewhere.whole if self.elsewhere else ()
        items = [item for name, found in orphans if name not in whole for item in found]
        going = frozenset(decision.backup.name for decision in made.deletions)
        attention = [*made.attention, *doubts(inventory), *held_orphans(inventory)]
        return Outcome(made, inventory, now, items, attention, going)


def _gaps(store: Store, first: Outcome, second: Outcome | None, before: datetime) -> list[str]:
    """What to tell of objects that a listing left out; what is deleted is asked for by name in any case."""
    again = None if second is None else chain.from_iterable(second.inventory.objects.values())
    missing = left_out(store, first.inventory, again, before=before)
    return [said_of(missing, store.url)] if missing else []


def _compare_clocks(store: Store, lease: Lease) -> None:
    if not (isinstance(store, OwnTime) and store.has_own_time):
        return
    ours = lease.clock()
    if abs(ours - lease.began_at) > CLOCKS_DIFFER_BY:
        raise StoreError(
            f"this machine's clock says {rfc3339(ours)}, and that of {store.url} {rfc3339(lease.began_at)}: "
            "set the clock; nothing was deleted"
        )


def _says_the_same(manifest: Manifest, candidate: Candidate) -> bool:
    """Metadata beside a manifest can be changed; the manifest itself cannot."""
    promised = candidate.keep_until
    return promised is not None and (rfc3339(manifest.created_at), rfc3339(manifest.keep_until)) == (
        rfc3339(candidate.created_at),
        rfc3339(promised),
    )


class _Stays(StoreError):
    """Why a backup that was to go stays."""


class _Run:
    def __init__(
        self,
        store: Store,
        lease: Lease,
        outcome: Outcome,
        progress: Progress,
        tell: Tell,
        elsewhere: Elsewhere | None,
    ) -> None:
        self._store = store
        self._elsewhere = elsewhere
        self._catalog = Catalog(store)
        self._lease = lease
        self._outcome = outcome
        self._progress = progress
        self._tell = tell
        self._at: BackupName | None = None  # whose manifest is being deleted
        self._needed_by: dict[tuple[str, str], list[BackupName]] = {}
        for candidate in outcome.inventory.candidates:
            for needed in candidate.needs:
                self._needed_by.setdefault((candidate.name.database, needed), []).append(candidate.name)

    def delete_backups(self) -> None:
        going = [decision for decision in self._outcome.plan.deletions if decision.backup.name in self._outcome.going]
        total = sum(self._outcome.frees(decision) for decision in going)
        note(f"cleanup of {self._store.url}", lambda: self._so_far(len(going)))
        for decision in sorted(going, key=lambda each: each.backup.created_at, reverse=True):
            name = decision.backup.name
            try:
                self._delete_backup(decision, self._outcome.plan)
            except LeaseLost:
                raise
            except (StoreError, NotGood) as error:
                self._outcome.errors.append(f"{name.id} of {name.database} was not deleted: {error}")
            self._progress("delete", self._outcome.freed_bytes, total)

    def sweep(self, first: Outcome) -> None:
        """Deletes the orphans that both listings showed."""
        wanted = {(item.name, item.generation) for item in first.orphans}
        for name, items in find_orphans(self._outcome.inventory, self._lease.began_at):
            if any((item.name, item.generation) not in wanted for item in items):
                continue
            try:
                if is_stored(self._store, name.manifest) or self._is_held(name):
                    continue  # a listing missed it
            except StoreError as error:
                self._outcome.errors.append(f"what is left of {name.id} of {name.database} was not deleted: {error}")
                continue
            for item in items:
                if self._delete_object(item.name, item.generation):
                    self._outcome.swept.append(item)
                    self._outcome.freed_bytes += item.size_bytes

    def sweep_marks(self) -> None:
        """Deletes what said of a quiet database, long ago, that nothing was written; a folder has no lifecycle."""
        for item in self._store.list_objects(UNCHANGED):
            mark = parse_unchanged(item.name)
            if mark is not None and self._lease.began_at - max(mark.at, item.created_at) > _MARKS_LAST:
                self._delete_object(item.name, item.generation)

    def _delete_backup(self, decision: RetentionDecision, made: RetentionPlan) -> None:
        backup = self._outcome.inventory.backups[decision.backup.name]
        name = backup.name
        self._look_again(decision.backup, made.protectors[name.database])
        manifest, raw = self._catalog.read_manifest(backup)
        if not _says_the_same(manifest, decision.backup):
            raise _Stays("its manifest has other dates than the listing shows; has somebody changed its metadata?")
        self._lease.check()
        self._at = name
        self._store.delete(backup.manifest.name, backup.manifest.generation)
        if self._is_held(name):  # somebody held it between our look and our deed
            self._store.create(name.manifest, raw, beside_manifest(manifest))
            self._at = None
            raise _Stays("it was held this very moment, and its manifest was put back")
        self._outcome.deleted.add(name)
        self._at = None
        self._tell(name, decision.reason)
        self._outcome.freed_bytes += backup.manifest.size_bytes
        for item in self._outcome.inventory.beside_manifest(name):
            if self._delete_object(item.name, item.generation):
                self._outcome.freed_bytes += item.size_bytes

    def _so_far(self, total: int) -> str:
        """For whoever interrupts: what is gone, and of which one it is not known."""
        perhaps = f", and {self._at.id} perhaps," if self._at else ""
        return f"{len(self._outcome.deleted)} of {count(total, 'backup')}{perhaps} deleted from {self._store.url}"

    def _look_again(self, candidate: Candidate, protectors: Iterable[Candidate]) -> None:
        """Asks the store by name, not by a listing, whether what lets this backup go is still so."""
        name = candidate.name
        for protector in protectors:
            manifest = self._outcome.inventory.backups[protector.name].manifest
            if not is_stored(self._store, manifest.name, manifest.generation):
                raise _Stays(f"{protector.name.id}, which is newer and good, is gone; run it again")
        if self._is_held(name):
            raise _Stays("it is held")
        for needer in self._needed_by.get((name.database, name.id), ()):
            if needer not in self._outcome.deleted:
                raise _Stays(f"{needer.id} needs it and is still there")

    def _is_held(self, name: "BackupName") -> bool:
        """Here, or in the other store."""
        return is_held(self._store, name) or (self._elsewhere is not None and self._elsewhere.is_held(name))

    def _delete_object(self, name: str, generation: str) -> bool:
        self._lease.check()
        try:
            self._store.delete(name, generation)
        except StoreError as error:
            self._outcome.errors.append(f"{error} (of no backup any more; the next cleanup tries it again)")
            return False
        return True
