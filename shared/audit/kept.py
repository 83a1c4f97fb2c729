"""Compares objects that are never deleted (requests, decisions, uses, policies, erasures) with earlier checkpoints."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.audit.checkpoint import Checkpoint, read_checkpoint, read_inventory
from shared.audit.read import contents
from shared.audit.recent import LATE, Problem, checkpoint_numbers
from shared.errors import NotGood, ObjectMissing
from shared.model.report_names import ERASURES
from shared.model.request_names import POLICIES, REQUESTS, parse_request_object
from shared.stores import Store

PREFIXES = (ERASURES, POLICIES, REQUESTS)
_MOST_BACK = 50  # checkpoints to try, newest first
_MISSED_FOR = timedelta(days=7)
LARGEST = 4 << 20  # bytes; of a larger object only the beginning is hashed


def check_kept(
    store: Store, before: Mapping[str, str], newest: Checkpoint | None, now: datetime
) -> tuple[dict[str, str], list[Problem]]:
    """Returns the hash of each such object, and those that were removed or changed since the checkpoint.

    Only objects that are new or have a new date are read. A removed object stays in the inventory and is reported again
    by each checkpoint: a request for a week, any other until it is back. Raises StoreError.
    """
    listed = [item for prefix in PREFIXES for item in store.list_objects(prefix)]
    since = None if newest is None else newest.taken_at - LATE
    fresh = [item for item in listed if item.name not in before or since is None or item.created_at > since]
    read = dict(zip([item.name for item in fresh], contents(store, fresh, LARGEST), strict=True))
    kept, problems = {}, []
    for item in listed:
        content = read.get(item.name)
        digest = before.get(item.name, "") if content is None else hashlib.sha256(content).hexdigest()
        if not digest:
            continue
        if before.get(item.name, digest) != digest:
            problems.append(Problem(item.name, "was changed since it was under a checkpoint"))
        kept[item.name] = digest
    there = {item.name for item in listed}
    gone = [name for name in before if name not in there and not _is_over(name, now)]
    kept |= {name: before[name] for name in gone}
    return kept, problems + [Problem(name, "is gone since it was under a checkpoint") for name in gone]


def _is_over(name: str, now: datetime) -> bool:
    found = parse_request_object(name)
    return found is not None and now - found.asked_at > _MISSED_FOR


def kept_before(store: Store, prefix: str) -> Mapping[str, str]:
    """Returns the kept objects with that prefix and their hashes, from the newest readable checkpoint.

    The hash of an object larger than `LARGEST` covers only its `beginning`. Raises StoreError.
    """
    for number in reversed(checkpoint_numbers(store)[-_MOST_BACK:]):
        try:
            kept = read_inventory(store, read_checkpoint(store, number, ()).checkpoint).kept
        except (NotGood, ObjectMissing):
            continue
        return {name: digest for name, digest in kept.items() if name.startswith(prefix)}
    return {}


def beginning(content: bytes) -> bytes:
    """Returns the part of an object's bytes that a checkpoint's hash covers."""
    return content[: LARGEST + 1]
