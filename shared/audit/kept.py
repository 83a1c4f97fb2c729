"""Objects that nothing ever deletes, under the checkpoints too: requests, decisions, uses, policies, erasures."""

import hashlib
from collections.abc import Mapping

from shared.audit.checkpoint import Checkpoint
from shared.audit.read import contents
from shared.audit.recent import LATE, Problem
from shared.model.report_names import ERASURES
from shared.model.request_names import POLICIES, REQUESTS
from shared.stores import Store

PREFIXES = (ERASURES, POLICIES, REQUESTS)
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
