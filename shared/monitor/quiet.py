"""Which backups of quiet databases are as good as new, by marks that are looked at and not merely there."""

from collections.abc import Iterable, Mapping, Sequence
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
from shared.monitor.listing import Seen
from shared.retention.inventory import Inventory
from shared.stores import Store, StoredObject

_MOST = 5  # marks on one backup that are read until one counts

Marks = Mapping[BackupName, Sequence[tuple[Unchanged, StoredObject]]]


def newest_marks(objects: Iterable[StoredObject], now: datetime) -> Marks:
    """The marks on each backup, newest first; what is dated in the future says nothing."""
    found: dict[BackupName, list[tuple[Unchanged, StoredObject]]] = {}
    for item in objects:
        mark = lock_names.parse_unchanged(item.name)
        if mark is not None and not is_future(mark.at, now):
            found.setdefault(mark.backup, []).append((mark, item))
    return {name: sorted(own, key=lambda each: each[0].at, reverse=True)[:_MOST] for name, own in found.items()}


def with_marks(
    store: Store, own: Sequence[Seen], inventory: Inventory, marks: Marks, checker: Checker
) -> tuple[Seen, ...]:
    """The backups of a database, and when the newest good one of each kind was last confirmed.

    Runs confirm no other than that one. Raises StoreError.
    """
    confirmed = set()
    found: list[Seen] = []
    for seen in own:
        if seen.wrong is None and seen.kind not in confirmed:
            confirmed.add(seen.kind)
            found.append(_confirmed(store, seen, inventory, marks.get(seen.name, ()), checker))
        else:
            found.append(seen)
    return tuple(found)


def _confirmed(
    store: Store,
    seen: Seen,
    inventory: Inventory,
    marks: Sequence[tuple[Unchanged, StoredObject]],
    checker: Checker,
) -> Seen:
    for mark, item in marks:
        with suppress(NotGood, ObjectMissing):  # the manifest went, or is told as damaged elsewhere
            raw = checker.read(Catalog(store), inventory.backups[seen.name]).raw
            doubt = doubt_of_mark(store, item, mark, sha256(raw).hexdigest(), checker)
            if doubt is None:
                return replace(seen, unchanged_at=mark.at)
            seen = replace(seen, mark_doubt=seen.mark_doubt or doubt)
    return seen
