"""Checks the ledger against the newest checkpoint of the audit trail, to detect that the newest entries were removed.

A checkpoint has the hash of each entry stored at that time. The monitor takes one an hour; until the next one, only the
copy store's ledger shows that a new entry was removed.
"""

import hashlib
from collections.abc import Collection, Mapping

from shared.audit.kept import beginning, kept_before
from shared.errors import NotErased
from shared.model import report_names
from shared.stores import Store


def known_entries(store: Store) -> Mapping[int, str]:
    """Returns the SHA-256 of each entry, by number, from the newest checkpoint. Raises StoreError."""
    found = {}
    for name, digest in kept_before(store, report_names.ERASURES).items():
        parsed = report_names.parse_erasure(name)
        if parsed is not None and parsed[0] == "entry":
            found[parsed[1]] = digest
    return found


def check_numbers(store: Store, known: Collection[int], there: Collection[int], hint: str) -> None:
    """Raises NotErased if an entry of the checkpoint is missing."""
    gone = sorted(set(known) - set(there))
    if gone:
        raise NotErased(
            f"{report_names.erasure(gone[0])} of {store.url} is missing, but the newest checkpoint of the audit trail "
            f"has it: {hint}"
        )


def check_bytes(store: Store, known: Mapping[int, str], number: int, raw: bytes, hint: str) -> None:
    """Raises NotErased if an entry differs from the one in the checkpoint."""
    digest = known.get(number)
    if digest is not None and digest != hashlib.sha256(beginning(raw)).hexdigest():
        raise NotErased(
            f"{report_names.erasure(number)} of {store.url} differs from the one in the newest checkpoint of the audit "
            f"trail: {hint}"
        )
