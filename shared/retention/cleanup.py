"""A cleanup and the order of its effects, under a lease.

The store is listed and judged twice, and only backups expired by both listings are deleted: a lost page of a listing
must not cost a backup. Backups are deleted newest first, so that one that needs another goes before it. For each:

    1. Check by name that the backups that protect the others exist and that this one is not on hold.
    2. Read its manifest, which must agree with the listing.
    3. Delete the manifest; the backup is then gone from every catalog.
    4. Delete its verdicts and artifacts. After an interruption they are orphans, which a later run deletes.

The lease is checked before each deletion.
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
from shared.retention.checked_plan import checked_plan, doubts
from shared.retention.gaps import missing_from_listing, missing_message
from shared.retention.inventory import take_inventory
from shared.retention.lease import Lease, LeaseLost, leased
from shared.retention.orphans import find_orphans, held_orphans
from shared.retention.other_store import OtherStore
from shared.retention.outcome import Outcome
from shared.retention.plan import Candidate, RetentionDecision, RetentionPlan, RetentionPolicy
from shared.runtime.progress import Progress, silent
from shared.runtime.so_far import note
from shared.stores import Store
from shared.stores.interface import OwnTime
from shared.text import count

if TYPE_CHECKING:
    from shared.model.names import BackupName

OnDeleted = Callable[["BackupName", str], None]

TASK = "cleanup"
_NEW = timedelta(minutes=10)
_MARKS_LAST = timedelta(days=30)  # as the lifecycle of a bucket does


def preview(
    store: Store,
    policy: RetentionPolicy,
    *,
    database: str | None = None,
    clock: Clock = utc_now,
    other_store: OtherStore | None = None,
    open_key: OpenKey | None = None,
) -> Outcome:
    """Returns what a cleanup would do now. Writes nothing and takes no lease. Raises StoreError."""
    outcome = _StoreJudge(store, policy, database, clock, other_store, Checker(open_key)).judge(None)
    outcome.attention += _gaps(store, outcome, None, outcome.planned_at - _NEW)
    return outcome


def clean(
    store: Store,
    policy: RetentionPolicy,
    *,
    database: str | None = None,
    clock: Clock = utc_now,
    progress: Progress = silent,
    on_deleted: OnDeleted = lambda _name, _why: None,
    other_store: OtherStore | None = None,
    open_key: OpenKey | None = None,
) -> Outcome:
    """Deletes expired backups, of one database if given, and orphaned objects.

    `other_store` is the copy store for the main store, and the reverse. Decisive verdicts are checked with the key from
    `open_key` if it may decrypt. `on_deleted` is called right after each deletion with the backup and the reason, so
    that a killed run leaves a record.

    A failed deletion is an error in the outcome, and the run continues. Raises StoreError if the store cannot be listed
    or read, if another cleanup is running, or if this machine's clock differs from the store's.
    """
    with leased(store, TASK, clock) as lease:
        _compare_clocks(store, lease)
        judge = _StoreJudge(store, policy, database, clock, other_store, Checker(open_key))
        first, outcome = judge.judge(lease), judge.judge(lease)
        differing = first.to_delete ^ outcome.to_delete
        outcome.to_delete &= first.to_delete
        outcome.attention += [
            f"{name.id} was kept: two listings differ about it" for name in sorted(differing, key=str)
        ]
        outcome.attention += _gaps(store, first, outcome, lease.began_at)
        run = _Run(store, lease, outcome, progress, on_deleted, other_store)
        try:
            run.delete_backups()
            run.sweep(first)
            run.sweep_marks()
        except LeaseLost as error:
            outcome.errors.append(str(error))
    return outcome


@dataclass(frozen=True)
class _StoreJudge:
    """Lists a store and applies the policy."""

    store: Store
    policy: RetentionPolicy
    database: str | None
    clock: Clock
    other_store: OtherStore | None
    checker: Checker

    def judge(self, lease: Lease | None) -> Outcome:
        inventory, now = take_inventory(self.store), self.clock()
        if self.other_store is not None:
            inventory = self.other_store.applied(inventory)
        policy = replace(self.policy, retired=inventory.retired)
        if self.database is not None:
            inventory = inventory.only(self.database)
        inventory, made = checked_plan(inventory, policy, now, Catalog(self.store), self.checker)
        orphans = find_orphans(inventory, lease.began_at if lease else now)
        whole = self.other_store.whole if self.other_store else ()
        items = [item for name, found in orphans if name not in whole for item in found]
        to_delete = frozenset(decision.backup.name for decision in made.deletions)
        attention = [*made.attention, *doubts(inventory), *held_orphans(inventory)]
        return Outcome(made, inventory, now, items, attention, to_delete)


def _gaps(store: Store, first: Outcome, second: Outcome | None, before: datetime) -> list[str]:
    """Returns a line if a listing left out objects. Deletions do not depend on this: they check by name."""
    again = None if second is None else chain.from_iterable(second.inventory.objects.values())
    missing = missing_from_listing(store, first.inventory, again, before=before)
    return [missing_message(missing, store.url)] if missing else []


def _compare_clocks(store: Store, lease: Lease) -> None:
    if not (isinstance(store, OwnTime) and store.has_own_time):
        return
    ours = lease.clock()
    if abs(ours - lease.began_at) > CLOCKS_DIFFER_BY:
        raise StoreError(
            f"this machine's clock says {rfc3339(ours)}, but that of {store.url} {rfc3339(lease.began_at)}: "
            "set the clock; nothing was deleted"
        )


def _matches_listing(manifest: Manifest, candidate: Candidate) -> bool:
    """Returns whether the manifest has the dates of the listing, whose metadata can be changed."""
    promised = candidate.keep_until
    return promised is not None and (rfc3339(manifest.created_at), rfc3339(manifest.keep_until)) == (
        rfc3339(candidate.created_at),
        rfc3339(promised),
    )


class _NotDeleted(StoreError):
    """A backup was not deleted; the message says why."""


class _Run:
    def __init__(
        self,
        store: Store,
        lease: Lease,
        outcome: Outcome,
        progress: Progress,
        on_deleted: OnDeleted,
        other_store: OtherStore | None,
    ) -> None:
        self._store = store
        self._other_store = other_store
        self._catalog = Catalog(store)
        self._lease = lease
        self._outcome = outcome
        self._progress = progress
        self._on_deleted = on_deleted
        self._deleting: BackupName | None = None  # the backup whose manifest is being deleted
        self._needed_by: dict[tuple[str, str], list[BackupName]] = {}
        for candidate in outcome.inventory.candidates:
            for needed in candidate.needs:
                self._needed_by.setdefault((candidate.name.database, needed), []).append(candidate.name)

    def delete_backups(self) -> None:
        to_delete = [
            decision for decision in self._outcome.plan.deletions if decision.backup.name in self._outcome.to_delete
        ]
        total = sum(self._outcome.frees(decision) for decision in to_delete)
        note(f"cleanup of {self._store.url}", lambda: self._so_far(len(to_delete)))
        for decision in sorted(to_delete, key=lambda each: each.backup.created_at, reverse=True):
            name = decision.backup.name
            try:
                self._delete_backup(decision, self._outcome.plan)
            except LeaseLost:
                raise
            except (StoreError, NotGood) as error:
                self._outcome.errors.append(f"{name.id} of {name.database} was not deleted: {error}")
            self._progress("delete", self._outcome.freed_bytes, total)

    def sweep(self, first: Outcome) -> None:
        """Deletes the orphans that both listings show."""
        wanted = {(item.name, item.generation) for item in first.orphans}
        for name, items in find_orphans(self._outcome.inventory, self._lease.began_at):
            if any((item.name, item.generation) not in wanted for item in items):
                continue
            try:
                if is_stored(self._store, name.manifest) or self._is_held(name):
                    continue  # the listing left it out
            except StoreError as error:
                self._outcome.errors.append(
                    f"the remaining objects of {name.id} of {name.database} were not deleted: {error}"
                )
                continue
            for item in items:
                if self._delete_object(item.name, item.generation):
                    self._outcome.swept.append(item)
                    self._outcome.freed_bytes += item.size_bytes

    def sweep_marks(self) -> None:
        """Deletes old unchanged marks, because a folder has no lifecycle rules."""
        for item in self._store.list_objects(UNCHANGED):
            mark = parse_unchanged(item.name)
            if mark is not None and self._lease.began_at - max(mark.at, item.created_at) > _MARKS_LAST:
                self._delete_object(item.name, item.generation)

    def _delete_backup(self, decision: RetentionDecision, made: RetentionPlan) -> None:
        backup = self._outcome.inventory.backups[decision.backup.name]
        name = backup.name
        self._recheck(decision.backup, made.protectors[name.database])
        manifest, raw = self._catalog.read_manifest(backup)
        if not _matches_listing(manifest, decision.backup):
            raise _NotDeleted("its manifest has other dates than the listing; its metadata was changed")
        self._lease.check()
        self._deleting = name
        self._store.delete(backup.manifest.name, backup.manifest.generation)
        if self._is_held(name):  # it was put on hold between the check and the deletion
            self._store.create(name.manifest, raw, beside_manifest(manifest))
            self._deleting = None
            raise _NotDeleted("it was just put on hold, and its manifest was stored again")
        self._outcome.deleted.add(name)
        self._deleting = None
        self._on_deleted(name, decision.reason)
        self._outcome.freed_bytes += backup.manifest.size_bytes
        for item in self._outcome.inventory.beside_manifest(name):
            if self._delete_object(item.name, item.generation):
                self._outcome.freed_bytes += item.size_bytes

    def _so_far(self, total: int) -> str:
        """Describes the progress for an interrupted run."""
        perhaps = f", and {self._deleting.id} perhaps," if self._deleting else ""
        return f"{len(self._outcome.deleted)} of {count(total, 'backup')}{perhaps} deleted from {self._store.url}"

    def _recheck(self, candidate: Candidate, protectors: Iterable[Candidate]) -> None:
        """Checks by name, without a listing, that this backup may still be deleted. Raises _NotDeleted."""
        name = candidate.name
        for protector in protectors:
            manifest = self._outcome.inventory.backups[protector.name].manifest
            if not is_stored(self._store, manifest.name, manifest.generation):
                raise _NotDeleted(f"{protector.name.id}, which is newer and good, is gone; run the cleanup again")
        if self._is_held(name):
            raise _NotDeleted("it is held")
        for dependent in self._needed_by.get((name.database, name.id), ()):
            if dependent not in self._outcome.deleted:
                raise _NotDeleted(f"{dependent.id} needs it and still exists")

    def _is_held(self, name: "BackupName") -> bool:
        """Returns whether a backup is on hold, here or in the other store."""
        return is_held(self._store, name) or (self._other_store is not None and self._other_store.is_held(name))

    def _delete_object(self, name: str, generation: str) -> bool:
        self._lease.check()
        try:
            self._store.delete(name, generation)
        except StoreError as error:
            self._outcome.errors.append(f"{error} (it belongs to no backup any more; the next cleanup tries again)")
            return False
        return True
