"""Proof by identity: a page image is proven by having the very bytes that passed the full proof before.

Whoever verified the backup climbed the whole ladder with the page image whose SHA-256 the manifest names, and its
verdict is bound to that manifest. So a file with this SHA-256 is that database, and nothing that SQLite could say of it
is new. What can differ is only what was written here: that is read back from the disk.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.checker import weigh_verdicts
from shared.catalog.listing import Catalog
from shared.catalog.opinions import time_of
from shared.catalog.signed import is_signature_needed
from shared.catalog.verdicts import Opened, Trust
from shared.errors import SourceError
from shared.model.manifest import Artifact
from shared.operations.verify.ladder import LEVEL
from shared.runtime.progress import Progress
from shared.sqlite.read_back import sha256_on_disk


@dataclass(frozen=True)
class EarlierProof:
    """The verdict that says that a backup passed the full proof, and what that found in the source."""

    verdict: str
    verified_at: datetime
    source_damage: str | None


def earlier_proof(catalog: Catalog, backup: Backup, opened: Opened) -> EarlierProof | None:
    """The newest verdict that counts, if it is of the full proof, good, and by somebody who has the key.

    `opened` is the manifest, whose seal holds. A seal without a key shows only that nothing is cut off, and anybody
    can write it: then it takes the signature of the policy's verifier. Raises StoreError.
    """
    found = weigh_verdicts(catalog, backup, opened)
    by_whom = opened.data_key is not None or is_signature_needed()
    proven = found.verified and found.verified_level == LEVEL and found.trust is Trust.SEALED and by_whom
    if not proven or found.verdict is None:
        return None
    return EarlierProof(found.verdict.name, time_of(found.verdict), found.source_damage)


def read_back(image: Path, artifact: Artifact, progress: Progress) -> None:
    """Holds a page image that was just written to the recorded SHA-256, as the disk has it.

    What came out of the store had that hash, so a difference is of the disk's making. Raises SourceError.
    """
    try:
        found = sha256_on_disk(image, partial(progress, "read back"))
    except OSError as error:
        raise SourceError(f"{image} cannot be read back: {error.strerror}") from error
    if found != artifact.plain_sha256:
        raise SourceError(f"{image.parent} holds other bytes than were written there: restore to another disk")
