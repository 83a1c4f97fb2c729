"""What every way out of a backup does about erasures, before anything gets its name."""

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
class WayOut:
    """How erasures are treated.

    `without`: not at all, where that is allowed. `absent`: tables and TABLE.COLUMNs that are known not to be in the
    backup. `witness`: another store with the same ledger.
    """

    without: bool = False
    absent: frozenset[str] = field(default_factory=frozenset)
    witness: Store | None = None


USUAL = WayOut()


@dataclass(frozen=True)
class Pending:
    """The erasures that one backup must forget."""

    entries: list[Erasure]
    hasher: Hasher
    what: str
    absent: frozenset[str]

    def on(self, path: Path) -> Replayed:
        """Replays them on a private file. Raises NotErased when that cannot be done, SourceError for the disk."""
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


def pending_for(store: Store, key: WrappingKey | None, manifest: Manifest, way: WayOut = USUAL) -> Pending | None:
    """What a backup must forget; None when nothing.

    Raises NotErased when the ledger is not whole, KeyProblem when it does not open, StoreError.
    """
    if way.without:
        return None
    ledger = read_ledger(store, key, way.witness)
    entries = [] if ledger is None else ledger.applying_to(manifest)
    if ledger is None or not entries:
        return None
    return Pending(entries, ledger.hasher, manifest.id, way.absent)
