"""Finds objects that the store has but a listing left out, as if a page of the listing was lost.

A backup without any object in a listing cannot be found. But a page often begins or ends between objects of one
backup, so that artifacts appear without their manifest, or a manifest without its artifacts; and a second listing may
be complete. Suspected objects are read by name, which needs no listing.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from shared.catalog.grouping import named
from shared.catalog.holds import is_stored
from shared.errors import StoreError
from shared.model import names
from shared.retention.inventory import Inventory
from shared.retention.orphans import LEFT_FOR
from shared.stores import Store, StoredObject

if TYPE_CHECKING:
    from shared.model.kinds import Kind
    from shared.model.names import BackupName

_MOST = 100  # names that are checked; on a bucket each is a request


def missing_from_listing(
    store: Store, seen: Inventory, again: Iterable[StoredObject] | None = None, *, before: datetime
) -> list[str]:
    """Returns names of existing objects that the listing of `seen` lacks, or the second listing `again`.

    Objects stored since `before` are new, not lost. Checks a hundred names at most.
    """
    suspects = dict.fromkeys(_expected(seen, before))
    if again is not None:
        suspects |= dict.fromkeys(_differing(seen, again, before))
    return sorted(name for name in islice(suspects, _MOST) if _is_there(store, name))


def missing_message(missing: Collection[str], url: str) -> str:
    """Returns a line that reports the missing objects."""
    first = min(missing)
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        f"a listing of {url} left out {first}{others}, which the store has: results for these backups are wrong, and "
        "others may be missing; run the command again, and report it to the operator of the store if it happens again"
    )


def _is_there(store: Store, name: str) -> bool:
    try:
        return is_stored(store, name)
    except StoreError:  # unknown, so it is not reported; a deletion checks again
        return False


def _differing(seen: Inventory, again: Iterable[StoredObject], before: datetime) -> Iterator[str]:
    """Yields old enough objects that are in only one of two listings. Both are ordered by kind and database."""
    own: dict[tuple[Kind, str], list[BackupName]] = {}
    for name in seen.objects:
        own.setdefault((name.kind, name.database), []).append(name)
    for place, found in groupby(named(again), key=lambda each: (each[0].backup.kind, each[0].backup.database)):
        left = {item.name: item for name in own.pop(place, ()) for item in seen.objects[name]}
        lacking = [item for _, item in found if left.pop(item.name, None) is None]
        yield from (item.name for item in (*lacking, *left.values()) if item.created_at < before)
    for name in chain.from_iterable(own.values()):
        yield from (item.name for item in seen.objects[name] if item.created_at < before)


def _expected(seen: Inventory, before: datetime) -> Iterator[str]:
    """Yields objects that the listed ones imply and that are not listed, without manifests of backups in progress."""
    for name in seen.strays:
        if all(before - item.created_at > LEFT_FOR for item in seen.objects[name]):
            yield name.manifest
    for backup in seen.backups.values():
        for artifact in backup.artifacts:
            if all(item.name != artifact.object for item in seen.objects[backup.name]):
                found = names.parse(artifact.object)
                if found is not None and found.backup == backup.name:
                    yield artifact.object
