"""Anchors: records of a store's checkpoints in other places, which reveal a trail that was cut or rolled back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.audit.checkpoint import Stored
from shared.audit.recent import Problem, checkpoint_objects, read_checkpoints
from shared.model.trail_names import checkpoint_object
from shared.stores import Store
from shared.text import count


@dataclass(frozen=True)
class Anchor:
    """The hashes of checkpoints, by number, as another place recorded them. `place` is its name in messages.

    `refilled`: the monitor later adds checkpoints that it could not add at first, so a missing one is a finding.
    """

    place: str
    checkpoints: Mapping[int, str]
    refilled: bool = True


def copy_anchor(copy: Store) -> Anchor:
    """Returns the checkpoints in the copy store as an anchor. Raises StoreError."""
    read = read_checkpoints(copy, checkpoint_objects(copy), ())
    found = {number: each.sha256 if isinstance(each, Stored) else "" for number, each in read}
    return Anchor(f"the copy store {copy.url}", found)


def differences(anchor: Anchor, stored: Sequence[Stored]) -> Iterator[Problem]:
    """Yields the checkpoints that the store lacks or that differ from the anchor's, and those that the anchor lacks."""
    own = {each.checkpoint.number: each.sha256 for each in stored}
    if not anchor.checkpoints:
        yield Problem(anchor.place, "has no checkpoint of this store")
        return
    first = min(own, default=0)
    for number, digest in sorted(anchor.checkpoints.items()):
        if number not in own and (number > first or not own):
            what = f"is gone, and {anchor.place} has it: the trail was cut or rolled back"
            yield Problem(checkpoint_object(number), what)
        elif number in own and own[number] != digest:
            yield Problem(checkpoint_object(number), f"differs from the one in {anchor.place}")
    missing = missing_numbers(anchor, stored)
    if missing and anchor.refilled:
        others = f", nor {count(len(missing) - 1, 'other')}" if missing[1:] else ""
        yield Problem(checkpoint_object(missing[0]), f"is not in {anchor.place}{others}")


def missing_numbers(anchor: Anchor, stored: Sequence[Stored]) -> list[int]:
    """Returns the numbers of the checkpoints that the anchor lacks, except those older than its oldest one."""
    oldest = min(anchor.checkpoints, default=0)
    numbers = (each.checkpoint.number for each in stored)
    return [number for number in numbers if anchor.checkpoints and oldest < number not in anchor.checkpoints]
