"""The ledger against the newest checkpoint of the store's audit trail: that its newest entries were removed shows here.

A checkpoint has the hash of each entry that was stored then. The monitor takes one an hour; what was recorded since is
under none yet, and the copy store's ledger alone shows that it is gone.
"""

import hashlib
from collections.abc import Collection, Mapping

from shared.audit.kept import beginning, kept_before
from shared.errors import NotErased
from shared.model import report_names
from shared.stores import Store


def known_entries(store: Store) -> Mapping[int, str]:
    """The hash of each entry by the newest checkpoint. Raises StoreError."""
    found = {}
    for name, digest in kept_before(store, report_names.ERASURES).items():
        parsed = report_names.parse_erasure(name)
        if parsed is not None and parsed[0] == "entry":
            found[parsed[1]] = digest
    return found


def check_numbers(store: Store, known: Collection[int], there: Collection[int], what_to_do: str) -> None:
    """Raises NotErased when an entry is gone that a checkpoint has."""
    gone = sorted(set(known) - set(there))
    if gone:
        raise NotErased(
            f"{report_names.erasure(gone[0])} of {store.url} is missing, and the newest checkpoint of the audit trail "
            f"has it: {what_to_do}"
        )


def check_bytes(store: Store, known: Mapping[int, str], number: int, raw: bytes, what_to_do: str) -> None:
    """Raises NotErased when an entry is another than a checkpoint has."""
    digest = known.get(number)
    if digest is not None and digest != hashlib.sha256(beginning(raw)).hexdigest():
        raise NotErased(
            f"{report_names.erasure(number)} of {store.url} is another than the newest checkpoint of the audit trail "
            f"has: {what_to_do}"
        )
