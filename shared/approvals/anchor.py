"""Which policy is in force, as the stores remember it: none older, none of another line, and not none any more.

What is mounted can be changed by whoever may mount; what a store has seen cannot be changed unseen. So each policy that
names people is kept in the stores once it was used. The first of them that everybody whom it names has signed begins
the line, and each further one is signed by two people of the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.errors import NotPermitted, ObjectExists, ObjectMissing
from shared.model import request_names as names
from shared.policy.file import LARGEST, PolicyFile, lacking_signatures, parse_policy
from shared.stores import Store

_MOST = 1000  # policies that are looked at


@dataclass(frozen=True)
class _PolicyInForce:
    file: PolicyFile
    since: datetime


def check_in_force(mounted: PolicyFile | None, stores: Sequence[Store]) -> None:
    """Holds what is mounted, or that nothing is, to what the stores have seen. Raises NotPermitted."""
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
                f"the policy follows {mounted.policy.predecessor[:16]}, which {stores[0].url} has never seen: copy "
                "policies/ of the store that has, or begin with a first policy"
            )
    elif mounted.digest != newest.digest and not _follows(mounted, newest):
        raise NotPermitted(
            f"the policy {mounted.digest[:16]} is not the one in force, {newest.digest[:16]}, nor signed by two people "
            "of that as its successor: somebody mounted an older or another one; mount the one in force"
        )


def keep(mounted: PolicyFile, stores: Sequence[Store]) -> None:
    """Keeps the policy in each store, so that what came before it holds no more. Raises StoreError.

    A job that carries out finds it there already, from the request, and needs no right to create it.
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
    """The last of the line; None when there is no line."""
    found = line(stores)
    return found[-1] if found else None


def line(stores: Sequence[Store]) -> list[PolicyFile]:
    """The policies that were in force, the first one first. Raises StoreError."""
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
    """What is a policy under its own name, with the signatures that it needs; nothing else there counts."""
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
