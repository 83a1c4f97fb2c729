"""Checks that the mounted policy is the newest one that the stores have recorded.

A person who may change the mount could mount an older policy, another one, or none. Therefore each policy that names
people is stored once it is used. The history begins with the first policy, signed by everybody whom it names. Each
later policy is signed by two people of its predecessor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.errors import NotPermitted, ObjectExists, ObjectMissing
from shared.model import request_names as names
from shared.policy.file import LARGEST, PolicyFile, lacking_signatures, parse_policy
from shared.stores import Store

_MOST = 1000  # stored policies to read


@dataclass(frozen=True)
class _PolicyInForce:
    file: PolicyFile
    since: datetime


def check_in_force(mounted: PolicyFile | None, stores: Sequence[Store]) -> None:
    """Compares the mounted policy, or its absence, with the policies in the stores. Raises NotPermitted."""
    newest = _newest(stores)
    if mounted is None or not mounted.policy.people:
        if newest is not None:
            raise NotPermitted(
                f"{stores[0].url} was used under the policy {newest.digest[:16]}, which asks for two persons, and no "
                "such policy is in force here: mount it, or set BACKUP_POLICY"
            )
        return
    if lacking := lacking_signatures(mounted):
        raise NotPermitted(f"the policy is not in force: {lacking}")
    if newest is None:
        if mounted.policy.predecessor is not None:
            raise NotPermitted(
                f"the policy follows {mounted.policy.predecessor[:16]}, which is not in {stores[0].url}: copy "
                "policies/ from the store that has it, or begin with a first policy"
            )
    elif mounted.digest != newest.digest and not _follows(mounted, newest):
        raise NotPermitted(
            f"the policy {mounted.digest[:16]} is not the one in force, {newest.digest[:16]}, nor signed by two people "
            "of that as its successor: somebody mounted an older or another one; mount the one in force"
        )


def record(mounted: PolicyFile, stores: Sequence[Store]) -> None:
    """Stores the policy in each store, so that earlier policies are no longer valid. Raises StoreError.

    A job that carries out a request finds the policy stored already, and needs no right to create it.
    """
    name = names.policy_object(mounted.digest)
    for store in stores:
        try:
            with store.open(name):
                continue
        except ObjectMissing:
            pass
        try:
            store.create(name, mounted.raw, {})
        except ObjectExists:
            continue


def _newest(stores: Sequence[Store]) -> PolicyFile | None:
    """Returns the newest recorded policy; None if there is none."""
    found = history(stores)
    return found[-1] if found else None


def history(stores: Sequence[Store]) -> list[PolicyFile]:
    """Returns the recorded policies in order, the first one first. Raises StoreError."""
    kept: dict[str, _PolicyInForce] = {}
    for store in stores:
        for each in _kept_in(store):
            known = kept.get(each.file.digest)
            if known is None or each.since < known.since:
                kept[each.file.digest] = each
    by_age = sorted(kept.values(), key=lambda each: each.since)
    found: list[PolicyFile] = []
    for each in by_age:
        begins = not found and each.file.policy.predecessor is None
        if begins or (found and _follows(each.file, found[-1])):
            found.append(each.file)
    return found


def _kept_in(store: Store) -> list[_PolicyInForce]:
    """Returns the stored policies that have their own name and the required signatures."""
    found = []
    for number, item in enumerate(store.list_objects(names.POLICIES)):
        digest = names.parse_policy_object(item.name)
        if digest is None or item.size_bytes > LARGEST or number >= _MOST:
            continue
        try:
            with store.open(item.name, item.generation) as stream:
                file = parse_policy(stream.read(LARGEST + 1))
        except (ValueError, ObjectMissing):
            continue
        if file.digest == digest and file.policy.people and lacking_signatures(file) is None:
            found.append(_PolicyInForce(file, item.created_at))
    return found


def _follows(file: PolicyFile, before: PolicyFile) -> bool:
    return file.policy.predecessor == before.digest and len(file.signers(before.policy.people)) >= 2
