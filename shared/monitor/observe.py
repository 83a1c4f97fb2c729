"""Observe the stores: list each once, and read the manifests of the newest two backups of each database."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from shared.catalog.backup import Backup
from shared.catalog.checker import Checker, OpenKey
from shared.catalog.listing import Catalog
from shared.catalog.signed_drills import counted
from shared.errors import LitekeepError, NotGood, ObjectMissing
from shared.events.log import Event
from shared.model import names, report_names
from shared.model.lock_names import UNCHANGED
from shared.model.report_names import DrillName, drill_prefix
from shared.model.trail_names import BESIDE_TRAIL
from shared.monitor.finding import Finding
from shared.monitor.key_versions import key_versions
from shared.monitor.listing import Listing, ObservedBackup, present
from shared.monitor.pending_erasures import pending_erasures
from shared.monitor.quiet import Marks, with_marks
from shared.retention.inventory import Inventory, inventory_of
from shared.retention.plan import Candidate
from shared.retention.retired import is_retired
from shared.runtime.collector import garbage_collection_paused
from shared.stores import Store, StoredObject

if TYPE_CHECKING:
    from shared.model.names import BackupName

OpenStore = Callable[[], Store]

_BESIDE = (drill_prefix(), report_names.ERASURES, UNCHANGED)  # few objects of a listing begin with one of these


def observe(  # noqa: PLR0913 - each is an optional part of the observation
    store: Store,
    now: datetime,
    *,
    copy_store: OpenStore | None = None,
    copy_url: str | None = None,
    expected: Iterable[str] = (),
    only: str | None = None,
    problems: tuple[Finding, ...] = (),
    open_key: OpenKey | None = None,
    listing_alone: bool = False,
    surveyed: "Survey | None" = None,
) -> tuple[Listing, Inventory]:
    """Returns the state of the stores, or that of one database with `only`, and the inventory of the first store.

    `expected` are databases that should be backed up. With a key from `open_key`, the seals of the decisive backups are
    checked. With `listing_alone` no manifest is read: rows are not compared and no seal is checked. A copy store that
    cannot be listed becomes one of the `problems`. With `surveyed`, no store is listed: the result of `survey`, whose
    inventory is updated. Raises StoreError if the first store cannot be listed.
    """
    surveyed = surveyed or survey(store, now, copy_store, copy_url)
    inventory, others = surveyed.inventory, surveyed.others
    catalog, checker = Catalog(store), Checker(open_key)
    views = _Views(inventory, surveyed.copies)
    known = dict.fromkeys([*expected, *inventory.databases])
    wanted = [only] if only is not None else [name for name in known if not _is_retired(inventory, name)]
    marks = others.marks.newest
    marked = {name.database for name in marks}
    for database in wanted:
        if listing_alone and database not in marked:
            views.keep(database, (), ())
            continue
        if not listing_alone:
            inventory.settle(database, partial(checker.settle, catalog))
        listed = views.make(database)
        own = listed if listing_alone else _with_row_counts(catalog, checker, listed, inventory, now)
        views.keep(database, listed, with_marks(store, own, inventory, marks, checker))
        checker.forget()
    at_risk, not_looked_at = (
        ([], "the states of the key's versions: no key was given")
        if open_key is None
        else key_versions(inventory.backups.values(), checker)
    )
    drills, unsigned = _drills(store, others.drills)
    problems += tuple(each for each in (*at_risk, *unsigned) if only is None or each.database in (None, only))
    kept = pending_erasures(store, others.erasures, inventory.backups.values(), checker)
    listing = Listing(store.url, views, drills, copy_url, problems + surveyed.unread, not_looked_at, kept)
    return listing, inventory


@dataclass(frozen=True)
class Survey:
    """One listing of each store, before anything else is read or checked with the key.

    `copies`: sizes of the objects in the copy store; None without one. `unread`: why it could not be listed, if so.
    """

    inventory: Inventory
    others: "Others"
    copies: Mapping[str, int] | None
    unread: tuple[Finding, ...]

    def copied(self) -> "Survey":
        """Returns a copy for `observe` to update, which leaves this one as it is."""
        inventory = self.inventory
        own = replace(inventory, backups=dict(inventory.backups), databases=dict(inventory.databases))
        return replace(self, inventory=own)


def survey(store: Store, now: datetime, copy_store: OpenStore | None = None, copy_url: str | None = None) -> Survey:
    """Lists the stores. Raises StoreError if the first cannot be listed."""
    others = Others(now)
    with garbage_collection_paused():
        inventory = inventory_of(store, others.collecting(store.list_objects(start=BESIDE_TRAIL)))
    return Survey(inventory, others, *_copies(copy_store, copy_url))


class _Views(Mapping[str, Sequence[ObservedBackup]]):
    """The backups of each database as they are judged.

    They are made on access, because all at once they would take as much memory as the inventory. Only
    databases for which more than the listing was read are kept.
    """

    def __init__(self, inventory: Inventory, copies: Mapping[str, int] | None) -> None:
        self._inventory = inventory
        self._copies = copies
        self._read: dict[str, dict[BackupName, ObservedBackup]] = {}

    def make(self, database: str) -> list[ObservedBackup]:
        """Returns the backups of a database as the listing shows them, newest first."""
        inventory, copies = self._inventory, self._copies
        return [
            _observed(candidate, inventory.backups[candidate.name], inventory, copies)
            for candidate in inventory.databases.get(database, ())
        ]

    def keep(self, database: str, listed: Sequence[ObservedBackup], own: Sequence[ObservedBackup]) -> None:
        """Adds a database whose `listed` backups were updated to `own`."""
        self._read[database] = {seen.name: seen for seen, was in zip(own, listed, strict=True) if seen is not was}

    def __getitem__(self, database: str) -> Sequence[ObservedBackup]:
        read = self._read[database]
        if not read:
            return tuple(self.make(database))
        return tuple(read.get(seen.name, seen) for seen in self.make(database))

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


class Others:
    """Collects the objects of a listing that belong to no backup: drills, erasures and marks."""

    def __init__(self, now: datetime) -> None:
        self.drills: list[DrillName] = []
        self.erasures: list[StoredObject] = []
        self.marks = Marks(now)

    def collecting(self, listing: Iterable[StoredObject]) -> Iterator[StoredObject]:
        """Passes on the listing and collects from it."""
        for item in listing:
            name = item.name
            if name.startswith(_BESIDE):
                if drill := report_names.parse_drill(name):
                    self.drills.append(drill)
                elif name.startswith(report_names.ERASURES):
                    self.erasures.append(item)
                else:
                    self.marks.add(item)
            yield item


def _is_retired(inventory: Inventory, database: str) -> bool:
    taken = (candidate.created_at for candidate in inventory.databases.get(database, ()))
    return is_retired(inventory.retired, database, taken)


def _observed(
    candidate: Candidate, backup: Backup, inventory: Inventory, copies: Mapping[str, int] | None
) -> ObservedBackup:
    """Returns the backup as the monitor judges it."""
    return ObservedBackup(
        candidate.name,
        candidate.created_at,
        {artifact.format: artifact.size_bytes for artifact in backup.artifacts},
        rows=backup.rows,
        verified=candidate.verified,
        verdict=backup.verdict.name if backup.verdict else None,
        source_damage=backup.source_damage,
        trust=backup.trust,
        doubt=backup.doubt,
        unopened=backup.unopened,
        held=candidate.held is not None,
        damaged=candidate.damaged or backup.missing,
        source_good=candidate.good,
        kept_for=candidate.keep_until - candidate.created_at if candidate.keep_until else None,
        in_copy=None if copies is None else _is_copied(inventory.objects[candidate.name], copies),
    )


def _is_copied(objects: Iterable[StoredObject], copies: Mapping[str, int]) -> bool:
    """Returns whether the copy store has the manifest and artifacts, of the same size, and all re-wrappings.

    Verdicts and holds may differ.
    """
    needed = [(names.parse(item.name), item) for item in objects]
    return all(
        item.name in copies and (parsed.role == "rekey" or copies[item.name] == item.size_bytes)
        for parsed, item in needed
        if parsed is not None and parsed.role not in ("verdict", "hold")
    )


def _copies(copy_store: OpenStore | None, url: str | None) -> tuple[Mapping[str, int] | None, tuple[Finding, ...]]:
    if copy_store is None:
        return None, ()
    try:
        return {item.name: item.size_bytes for item in copy_store().list_objects(start=BESIDE_TRAIL)}, ()
    except LitekeepError as error:
        message = f"the copy store cannot be checked: {error}"
        return None, (Finding(Event.MONITOR_FAILED, message, {"store": url}),)


def _with_row_counts(
    catalog: Catalog, checker: Checker, own: list[ObservedBackup], inventory: Inventory, now: datetime
) -> list[ObservedBackup]:
    """Adds the rows by table of the two newest backups, which only their manifests have."""
    readable = [seen for seen in present(own, now) if seen.damaged is None]
    read: dict[BackupName, ObservedBackup] = {}
    for seen in readable[:2]:
        with suppress(ObjectMissing):  # removed since the listing
            try:
                manifest = checker.read(catalog, inventory.backups[seen.name]).manifest
            except NotGood as error:
                read[seen.name] = replace(seen, damaged=str(error))
            else:
                read[seen.name] = replace(seen, row_counts=manifest.row_counts)
    return [read.get(seen.name, seen) for seen in own]


def _drills(
    store: Store, drills: Iterable[DrillName]
) -> tuple[Mapping[str, tuple[DrillName, ...]], tuple[Finding, ...]]:
    """Returns the valid drills by database, and a finding for each database that has invalid ones."""
    found: dict[str, list[DrillName]] = {}
    for drill in drills:
        found.setdefault(drill.database, []).append(drill)
    count: dict[str, tuple[DrillName, ...]] = {}
    findings = []
    for database, own in found.items():
        newest_first = sorted(own, key=lambda drill: drill.held_at, reverse=True)
        good, doubts = counted(store, newest_first)
        count[database] = tuple(good)
        if doubts:
            name, doubt = next(iter(doubts.items()))
            message = f"the drill {name.report} counts for nothing, {doubt}; find out who writes to this store"
            findings.append(Finding(Event.MONITOR_NOT_SEALED, message, {"database": database}))
    return count, tuple(findings)
