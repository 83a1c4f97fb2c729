"""Wraps the ledger's secret with another key, as `litekeep rekey` does with data keys."""

from shared.errors import NotErased
from shared.keys import WrappingKey
from shared.model import report_names
from shared.operations.erasure.ledger import key_object, keys_of, named_key, read_ledger
from shared.stores import Store


def rewrap_ledger(store: Store, old: WrappingKey, new: WrappingKey, new_name: str) -> str:
    """Stores the secret wrapped by the new key too, and checks that the new key opens it.

    Returns `none` if there is no ledger, `already` if it is wrapped by `new_name`, and otherwise `done`. `new_name` is
    the key version that now wraps. Raises NotErased, KeyProblem and StoreError.
    """
    keys = keys_of(store)
    if not keys:
        return "none"
    if new_name in map(named_key, keys.values()):
        read_ledger(store, new)
        return "already"
    ledger = read_ledger(store, old)
    if ledger is None:
        raise NotErased(f"{report_names.ERASURES} of {store.url} changed meanwhile: run the command again")
    added = report_names.erasure_key(max(keys) + 1)
    store.create(added, key_object(ledger.secret, new), {})
    again = read_ledger(store, new)
    if again is None or again.secret != ledger.secret:
        raise NotErased(f"{added} of {store.url} does not open with the new key: run the command again")
    return "done"
