"""Objects that nothing ever deletes, under the checkpoints too: requests, decisions, uses, policies, erasures."""

import hashlib
from collections.abc import Mapping

from shared.audit.checkpoint import Checkpoint, read_checkpoint, read_standing
from shared.audit.read import contents
from shared.audit.recent import LATE, Problem, checkpoint_numbers
from shared.errors import NotGood, ObjectMissing
from shared.model.report_names import ERASURES
from shared.model.request_names import POLICIES, REQUESTS
from shared.stores import Store

PREFIXES = (ERASURES, POLICIES, REQUESTS)
_MOST_BACK = 50  # checkpoints that are tried, from the newest on
LARGEST = 4 << 20  # bytes; of a larger object only the beginning counts


def look_at_kept(
    store: Store, before: Mapping[str, str], newest: Checkpoint | None
) -> tuple[dict[str, str], list[Problem]]:
    """The hash of each such object, and what is gone or changed since the checkpoint. Raises StoreError.

    Read is what is new, or has a new date.
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
    gone = [name for name in before if name not in there]
    return kept, problems + [Problem(name, "is gone since it was under a checkpoint") for name in gone]


def kept_before(store: Store, prefix: str) -> set[str]:
    """The names that begin so among what the newest checkpoint that can be read has covered. Raises StoreError."""
    for number in reversed(checkpoint_numbers(store)[-_MOST_BACK:]):
        try:
            kept = read_standing(store, read_checkpoint(store, number, ()).checkpoint).kept
        except (NotGood, ObjectMissing):
            continue
        return {name for name in kept if name.startswith(prefix)}
    return set()
