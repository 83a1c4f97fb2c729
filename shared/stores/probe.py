"""Checks that a store can be listed and written, for `litekeep health`."""

from shared.errors import ObjectExists, StoreError
from shared.stores.interface import Store

PROBE = "health/probe"


def probe(store: Store) -> None:
    """Lists the store, creates the empty object `health/probe`, and deletes it.

    Raises StoreError if the store cannot be listed or written.
    A store that refuses the deletion (an append-only identity, a retention policy) also passes: the next probe
    gets ObjectExists, which a store reports only to a caller that may write.
    """
    _remove(store)
    try:
        store.create(PROBE, b"", {})
    except ObjectExists:
        return  # kept from an earlier run, or just made by another: the store checks the permission first
    _remove(store)


def _remove(store: Store) -> None:
    for found in store.list_objects(PROBE):
        if found.name == PROBE:
            try:
                store.delete(found.name, found.generation)
            except StoreError:
                # Refused, or unreachable? List once more: that raises if the store is unreachable.
                for _ in store.list_objects(PROBE):
                    break
