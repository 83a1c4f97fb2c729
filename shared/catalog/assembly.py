"""Builds backups from a listing, one kind of one database at a time.

A listing is sorted by object name, and names begin with kind and database. A group is therefore complete before the
next one starts, and only its `Backup` objects stay in memory: this matters with a hundred thousand backups.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol, runtime_checkable

from shared.catalog.backup import Backup
from shared.catalog.grouping import (
    Read,
    manifests_and_verdicts,
    rewrappings_of,
    seal_format,
    summary_in,
    what_is_missing,
)
from shared.catalog.holds import read_hold
from shared.catalog.opinions import opinions
from shared.catalog.paths import with_paths
from shared.catalog.reading import KeepsSummaries, contents
from shared.catalog.summary import Summary, summary_of
from shared.catalog.verdicts import Weighed
from shared.clock import latest_known
from shared.model.names import BackupName, ObjectName
from shared.stores import Store, StoredObject
from shared.stores.interface import without_metadata

_NONE = Weighed(None)  # for a backup without a verdict

Listed = tuple[ObjectName, StoredObject]


@dataclass(frozen=True, slots=True)
class Group:
    """The backups of one kind of one database, in any order, and every object that belongs to them by its name.

    The objects are stored here without their metadata.
    """

    backups: list[Backup]
    objects: list[Listed]


@runtime_checkable
class KeepsGroups(Protocol):
    """A store with a cache of groups, by the objects of the listing that they were built from."""

    def kept_group(self, found: Sequence[Listed]) -> Group | None:
        """Returns the group that was built from exactly these objects, or None."""

    def keep_group(self, found: Sequence[Listed], group: Group) -> None:
        """Caches the group for the next listing."""


def groups(store: Store, listed: Iterable[Listed], now: datetime) -> Iterator[Group]:
    """Yields the groups of a listing. `listed` is the result of `named`.

    Raises StoreError when a manifest or a hold cannot be read.
    """
    keeper = store if isinstance(store, KeepsGroups) else None
    for _, each in groupby(listed, key=lambda each: (each[0].backup.kind, each[0].backup.database)):
        found = list(each)
        group = keeper.kept_group(found) if keeper else None
        if group is None:
            group = _group(store, found, now)
            if keeper and _is_lasting(found, group, now):
                keeper.keep_group(found, group)
        yield group


def _is_lasting(found: Sequence[Listed], group: Group, now: datetime) -> bool:
    """Returns whether the same objects give the same group later: none is dated in the future, or gone meanwhile."""
    last_known = latest_known(now)
    manifests = sum(1 for parsed, _ in found if parsed.role == "manifest")
    return (
        len(group.backups) == manifests
        and not any(backup.future for backup in group.backups)
        and all(parsed.verified_at is None or parsed.verified_at <= last_known for parsed, _ in found)
    )


def _group(store: Store, found: Sequence[Listed], now: datetime) -> Group:
    """Builds the group from the listed objects of one kind of one database."""
    bare = [(parsed, without_metadata(item)) if item.metadata else (parsed, item) for parsed, item in found]
    kept = {item.name: item for _, item in bare}
    manifests, verdicts = manifests_and_verdicts(found, now)
    summaries = _summaries(store, manifests, kept)
    sealing = {name: seal_format(summary) for name, summary in summaries.items()}
    weighed = opinions(verdicts, sealing, lambda items, known: contents(store, items, known))
    rewrapped, held = rewrappings_of(bare), {parsed.backup for parsed, _ in found if parsed.role == "hold"}
    backups, last_known = [], latest_known(now)
    for name, summary in summaries.items():
        if summary is None:
            continue  # the manifest was removed after the listing began
        manifest, good = kept[manifests[name].name], summary if isinstance(summary, Summary) else None
        created_at = good.created_at if good else manifest.created_at
        verdict, opinion = weighed.get(name, (None, _NONE))
        counts = verdict is not None and opinion.ok is not None
        backup = Backup(
            name,
            created_at,
            manifest,
            good,
            verdict=kept[verdict.name] if verdict and counts else None,
            verified=opinion.ok,
            damaged=None if good else str(summary),
            verified_level=opinion.level,
            source_damage=opinion.source_damage,
            verdicts=tuple([kept[each.name] for _, each in verdicts.get(name, ())]),
            trust=opinion.trust if counts else None,
            doubt=opinion.doubt,
            missing=what_is_missing(good, kept) if good else None,
            future=created_at > last_known,
            hold=read_hold(store, name) if name in held else None,
            rewrappings=rewrapped.get(name, ()),
        )
        backups.append(backup)
    return Group(with_paths(backups), bare)


def _summaries(
    store: Store, manifests: Mapping[BackupName, StoredObject], listed: Mapping[str, StoredObject]
) -> dict[BackupName, Read | None]:
    """Returns a summary of each manifest: from its object's metadata if possible, else from its content."""
    keeper = store if isinstance(store, KeepsSummaries) else None
    found: dict[BackupName, Read | None] = {}
    for name, item in manifests.items():
        kept = keeper.kept_summary(item) if keeper else None
        if kept is None and (beside := summary_of(item)) is not None:
            kept = beside.sharing(listed)
        found[name] = kept
    for name, content in contents(store, manifests, found):
        found[name] = summary = summary_in(content, name, listed)
        if keeper and isinstance(summary, Summary):
            keeper.keep_summary(manifests[name], summary)
    return found
