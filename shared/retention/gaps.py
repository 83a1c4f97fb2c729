"""Objects that a listing left out and that the store has all the same: it lost a page of the listing.

A whole backup that no listing shows cannot be missed. But the edges of a page fall between the objects of one backup:
then artifacts show without their manifest, or a manifest without its artifacts. And another listing may be whole.
Whatever is suspected is asked for by its name, which needs no listing.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from shared.catalog.grouping import named
from shared.catalog.holds import is_stored
from shared.errors import StoreError
from shared.model import names
from shared.retention.inventory import Inventory
from shared.retention.orphans import LEFT_FOR
from shared.stores import Store, StoredObject

_MOST = 100  # names that are asked for; on a bucket each is a request


def left_out(
    store: Store, seen: Inventory, again: Iterable[StoredObject] | None = None, *, before: datetime
) -> list[str]:
    """Names of objects that are there, and that the listing behind `seen` lacks, or the other one, `again`.

    What was stored since `before` is new rather than lost. Asks for a hundred at most.
    """
    listed = {item.name: item for items in seen.objects.values() for item in items}
    suspects = dict.fromkeys(_expected(seen, listed, before))
    if again is not None:
        other = {item.name: item for _, item in named(again)}
        for lacking, having in ((listed, other), (other, listed)):
            old = (item.name for item in having.values() if item.created_at < before)
            suspects |= dict.fromkeys(name for name in old if name not in lacking)
    return sorted(name for name in islice(suspects, _MOST) if _is_there(store, name))


def said_of(missing: Collection[str], url: str) -> str:
    """One line on what was left out."""
    first = min(missing)
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        f"a listing of {url} left out {first}{others}, which the store has: what is said of these backups is not true, "
        "and of the others perhaps not all; run it again, and tell who runs the store if that stays"
    )


def _is_there(store: Store, name: str) -> bool:
    try:
        return is_stored(store, name)
    except StoreError:  # not known, so nothing is said of it; whoever wants to delete it asks for himself
        return False


def _expected(seen: Inventory, listed: Collection[str], before: datetime) -> Iterator[str]:
    """What should stand beside what was listed, and does not; not the manifest of a backup that may be under way."""
    for name in seen.strays:
        if all(before - item.created_at > LEFT_FOR for item in seen.objects[name]):
            yield name.manifest
    for backup in seen.backups.values():
        for artifact in backup.summary.get("artifacts", ()):
            if artifact["object"] not in listed:
                found = names.parse(artifact["object"])
                if found is not None and found.backup == backup.name:
                    yield artifact["object"]
