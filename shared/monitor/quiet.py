"""Finds old backups that are still current: a mark with a valid seal says that the database is unchanged since."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from shared.catalog.checker import Checker
from shared.catalog.listing import Catalog
from shared.catalog.marks import doubt_of_mark
from shared.clock import is_future
from shared.errors import NotGood, ObjectMissing
from shared.model import lock_names
from shared.model.lock_names import Unchanged
from shared.model.names import BackupName
from shared.monitor.listing import ObservedBackup
from shared.retention.inventory import Inventory
from shared.stores import Store, StoredObject

_MOST = 5  # marks per backup that are read until one is valid

Newest = Mapping[BackupName, Sequence[tuple[Unchanged, StoredObject]]]


class Marks:
    """The newest marks on each backup, ignoring those dated in the future."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._found: dict[BackupName, list[tuple[Unchanged, StoredObject]]] = {}

    def add(self, item: StoredObject) -> None:
        """Adds an object of the store if it is a mark."""
        mark = lock_names.parse_unchanged(item.name)
        if mark is None or is_future(mark.at, self._now):
            return
        own = self._found.setdefault(mark.backup, [])
        own.append((mark, item))
        if len(own) > _MOST:
            own.remove(min(own, key=lambda each: each[0].at))

    @property
    def newest(self) -> Newest:
        """The marks on each backup, newest first."""
        return {name: sorted(own, key=lambda each: each[0].at, reverse=True) for name, own in self._found.items()}


def with_marks(
    store: Store, own: Sequence[ObservedBackup], inventory: Inventory, marks: Newest, checker: Checker
) -> tuple[ObservedBackup, ...]:
    """Returns the backups of a database, with `unchanged_at` of the newest good one of each kind.

    Backup runs write marks only for these. Raises StoreError.
    """
    confirmed = set()
    found: list[ObservedBackup] = []
    for seen in own:
        if seen.wrong is None and seen.kind not in confirmed:
            confirmed.add(seen.kind)
            found.append(_confirmed(store, seen, inventory, marks.get(seen.name, ()), checker))
        else:
            found.append(seen)
    return tuple(found)


def _confirmed(
    store: Store,
    seen: ObservedBackup,
    inventory: Inventory,
    marks: Sequence[tuple[Unchanged, StoredObject]],
    checker: Checker,
) -> ObservedBackup:
    """Returns the backup with the time of its newest valid mark, or with the reason why a newer mark is not valid."""
    for mark, item in marks:
        with suppress(NotGood, ObjectMissing):  # the manifest is gone, or its damage is reported elsewhere
            raw = checker.read(Catalog(store), inventory.backups[seen.name]).raw
            doubt = doubt_of_mark(store, item, mark, sha256(raw).hexdigest(), checker)
            if doubt is None:
                return replace(seen, unchanged_at=mark.at)
            seen = replace(seen, mark_doubt=seen.mark_doubt or doubt)
    return seen
