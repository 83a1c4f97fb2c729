"""The erasures that a restore or an export must replay on a backup, before the result gets its name."""

import base64
from dataclasses import dataclass, field
from pathlib import Path

from shared.keys import WrappingKey
from shared.model.manifest import Manifest
from shared.operations.erasure.entry import Erasure, Hasher
from shared.operations.erasure.ledger import read_ledger
from shared.operations.erasure.replayed import Replayed
from shared.operations.verify.allowances import ALLOWED
from shared.runtime.confined import Confined
from shared.stores import Store


@dataclass(frozen=True)
class ErasureOptions:
    """How to treat erasures.

    `without`: do not replay them (the caller checks that this is allowed). `absent`: tables and TABLE.COLUMNs known not
    to be in the backup. `witness`: another store with the same ledger.
    """

    without: bool = False
    absent: frozenset[str] = field(default_factory=frozenset)
    witness: Store | None = None


DEFAULT_ERASURES = ErasureOptions()


@dataclass(frozen=True)
class Pending:
    """The erasures to replay on one backup."""

    entries: list[Erasure]
    hasher: Hasher
    what: str
    absent: frozenset[str]

    def on(self, path: Path) -> Replayed:
        """Replays them on a private file. Raises NotErased if that is impossible, and SourceError if the disk fails."""
        with Confined() as child:
            answer = child.call(
                "shared.operations.erasure.inside:replay",
                path.absolute(),
                [entry.model_dump_json() for entry in self.entries],
                base64.b64encode(self.hasher.secret).decode(),
                self.hasher.seed,
                self.what,
                sorted(self.absent),
                limits=ALLOWED.of(path.stat().st_size),
                what=f"replaying erasures on {self.what}",
            )
        return Replayed(**answer)


def pending_for(
    store: Store, key: WrappingKey | None, manifest: Manifest, erasures: ErasureOptions = DEFAULT_ERASURES
) -> Pending | None:
    """Returns the erasures to replay on a backup, or None if there are none.

    Raises NotErased if the ledger is not whole, KeyProblem if the key does not open it, and StoreError.
    """
    if erasures.without:
        return None
    ledger = read_ledger(store, key, erasures.witness)
    entries = [] if ledger is None else ledger.applying_to(manifest)
    if ledger is None or not entries:
        return None
    return Pending(entries, ledger.hasher, manifest.id, erasures.absent)
