"""Objects that a listing left out and that the store has all the same: it lost a page of the listing.

A whole backup that no listing shows cannot be missed. But the edges of a page fall between the objects of one backup:
then artifacts show without their manifest, or a manifest without its artifacts. And another listing may be whole.
Whatever is suspected is asked for by its name, which needs no listing.
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

_MOST = 100  # names that are asked for; on a bucket each is a request


def left_out(
    store: Store, seen: Inventory, again: Iterable[StoredObject] | None = None, *, before: datetime
) -> list[str]:
    """Names of objects that are there, and that the listing behind `seen` lacks, or the other one, `again`.

    What was stored since `before` is new rather than lost. Asks for a hundred at most.
    """
    suspects = dict.fromkeys(_expected(seen, before))
    if again is not None:
        suspects |= dict.fromkeys(_differing(seen, again, before))
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


def _differing(seen: Inventory, again: Iterable[StoredObject], before: datetime) -> Iterator[str]:
    """What is old enough and in one of two listings only; a kind of a database at a time, as both are in that order."""
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
    """What should stand beside what was listed, and does not; not the manifest of a backup that may be under way."""
    for name in seen.strays:
        if all(before - item.created_at > LEFT_FOR for item in seen.objects[name]):
            yield name.manifest
    for backup in seen.backups.values():
        for artifact in backup.artifacts:
            if all(item.name != artifact.object for item in seen.objects[backup.name]):
                found = names.parse(artifact.object)
                if found is not None and found.backup == backup.name:
                    yield artifact.object
