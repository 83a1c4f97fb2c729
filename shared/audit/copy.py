"""Copies the audit trail to another store, so that it can be verified there without the first one.

The events under a checkpoint and its inventory are copied first, and the checkpoint last. A checkpoint in the other
store therefore means that its events are there too. Nothing is overwritten.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.audit.checkpoint import Stored
from shared.audit.read import contents
from shared.audit.recent import checkpoint_objects, events_since, read_checkpoints
from shared.errors import ObjectExists
from shared.model.trail_names import CHECKPOINTS, TRAIL, parse_checkpoint, parse_event
from shared.stores import Store, StoredObject

_AT_ONCE = 200  # objects in memory at the same time
_WRITERS = 8
_LARGEST = 16 << 20  # bytes; a larger object does not belong to the trail


@dataclass
class CopiedObjects:
    """The number and size of the copied objects."""

    objects: int = 0
    size_bytes: int = 0


def copy_trail(source: Store, target: Store) -> CopiedObjects:
    """Copies the covered events, inventories and checkpoints that `target` lacks. Raises StoreError."""
    there = {item.name for item in target.list_objects(TRAIL)}
    missing = {item.name: item for item in events_since(source, None) if item.name not in there}
    covered = _covered(source, missing)
    beside = [item for item in source.list_objects(CHECKPOINTS) if item.name not in there]
    beside.sort(key=lambda item: (parse_checkpoint(item.name) is not None, item.name))
    return copy_objects(source, target, [*covered, *beside])


def copy_objects(source: Store, target: Store, items: Iterable[StoredObject]) -> CopiedObjects:
    """Copies these objects in order; a checkpoint must come after the objects it covers. Raises StoreError."""
    done = CopiedObjects()
    with ThreadPoolExecutor(_WRITERS, "trail") as pool:

        def create(item: StoredObject, content: bytes | None) -> int | None:
            if content is None:
                return None
            try:
                target.create(item.name, content, {})
            except ObjectExists:
                return None
            return len(content)

        for part in _parts(items):
            sizes = list(pool.map(create, part, contents(source, part, _LARGEST)))
            done.objects += sum(size is not None for size in sizes)
            done.size_bytes += sum(filter(None, sizes))
    return done


def _parts(items: Iterable[StoredObject]) -> Iterator[list[StoredObject]]:
    """Yields the objects in batches, with checkpoints never in one batch with the events that they cover."""
    waiting = list[StoredObject]()
    for item in items:
        if item.size_bytes > _LARGEST:
            continue
        follows = waiting and _is_checkpoint(item) != _is_checkpoint(waiting[-1])
        if follows or len(waiting) == _AT_ONCE:
            yield waiting
            waiting = []
        waiting.append(item)
    if waiting:
        yield waiting


def _is_checkpoint(item: StoredObject) -> bool:
    return parse_checkpoint(item.name) is not None


def _covered(source: Store, missing: dict[str, StoredObject]) -> list[StoredObject]:
    """Returns the missing events that a checkpoint covers. Reads checkpoints back to the time of the oldest event."""
    times = [event.at for name in missing if (event := parse_event(name)) is not None]
    if not times:
        return []
    oldest, found = min(times), list[StoredObject]()
    for _, stored in read_checkpoints(source, checkpoint_objects(source), ()):
        if not isinstance(stored, Stored):
            continue
        if stored.checkpoint.taken_at < oldest:
            break
        found += [missing[name] for name in stored.checkpoint.objects if name in missing]
    return found
