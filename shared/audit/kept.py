"""Objects that nothing ever deletes, under the checkpoints too: requests, decisions, uses, policies, erasures."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.audit.checkpoint import Checkpoint, read_checkpoint, read_standing
from shared.audit.read import contents
from shared.audit.recent import LATE, Problem, checkpoint_numbers
from shared.errors import NotGood, ObjectMissing
from shared.model.report_names import ERASURES
from shared.model.request_names import POLICIES, REQUESTS, parse_request_object
from shared.stores import Store

PREFIXES = (ERASURES, POLICIES, REQUESTS)
_MOST_BACK = 50  # checkpoints that are tried, from the newest on
_MISSED_FOR = timedelta(days=7)
LARGEST = 4 << 20  # bytes; of a larger object only the beginning counts


def look_at_kept(
    store: Store, before: Mapping[str, str], newest: Checkpoint | None, now: datetime
) -> tuple[dict[str, str], list[Problem]]:
    """The hash of each such object, and what is gone or changed since the checkpoint. Raises StoreError.

    Read is what is new, or has a new date. What is gone stays under the checkpoints, so that it is missed for as long
    as it matters: a request for a week, all else until it is back.
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
    """Names that begin so, with their hashes, as the newest checkpoint that can be read has them. Raises StoreError.

    Of an object that is larger than `LARGEST` the hash is of its beginning: `beginning`.
    """
    for number in reversed(checkpoint_numbers(store)[-_MOST_BACK:]):
        try:
            kept = read_standing(store, read_checkpoint(store, number, ()).checkpoint).kept
        except (NotGood, ObjectMissing):
            continue
        return {name: digest for name, digest in kept.items() if name.startswith(prefix)}
    return {}


def beginning(content: bytes) -> bytes:
    """What of an object's bytes the hash of a checkpoint is of."""
    return content[: LARGEST + 1]
