"""Whether a store does its work: what `litekeep health` asks of it."""

from shared.errors import ObjectExists, StoreError
from shared.stores.interface import Store

PROBE = "health/probe"


def probe(store: Store) -> None:
    """Lists the store, creates one tiny object under a name of its own, and deletes it.

    Raises StoreError, saying what to do, when the store cannot be listed or written.
    A store that keeps what it has (an append-only identity, a retention policy) is in order: the one probe
    that it holds on to shows, by being there already, that writing is allowed.
    """
    _remove(store)
    try:
        store.create(PROBE, b"", {})
    except ObjectExists:
        return  # kept from an earlier run, or another's of this moment: the right to write is looked at first
    _remove(store)


def _remove(store: Store) -> None:
    for found in store.list_objects(PROBE):
        if found.name == PROBE:
            try:
                store.delete(found.name, found.generation)
            except StoreError:
                # Refused, or out of reach? Listing once more tells: it fails when out of reach.
                for _ in store.list_objects(PROBE):
                    break
