"""Proof by identity: a page image is proven if its bytes are those that passed the full proof before.

An earlier verification ran every check on the page image whose SHA-256 the manifest names, and its verdict is bound to
that manifest. A file with this SHA-256 is the same database, so SQLite's checks would find nothing new. Only the copy
written here can differ; it is read back from the disk.
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
    """A verdict that a backup passed the full proof, and the damage it found in the source."""

    verdict: str
    verified_at: datetime
    source_damage: str | None


def earlier_proof(catalog: Catalog, backup: Backup, opened: Opened) -> EarlierProof | None:
    """Returns the newest valid verdict if it is good, of the full proof, and made with the key; otherwise None.

    `opened` is the manifest with its checked seal. Without a key, a seal shows only that nothing is cut off, and
    anybody can write one; then the verdict needs the signature of the policy's verifier. Raises StoreError.
    """
    found = weigh_verdicts(catalog, backup, opened)
    authentic = opened.data_key is not None or is_signature_needed()
    proven = found.verified and found.verified_level == LEVEL and found.trust is Trust.SEALED and authentic
    if not proven or found.verdict is None:
        return None
    return EarlierProof(found.verdict.name, time_of(found.verdict), found.source_damage)


def read_back(image: Path, artifact: Artifact, progress: Progress) -> None:
    """Checks a page image that was just written against the recorded SHA-256, reading it from the disk.

    The bytes from the store had that hash, so the disk caused any difference. Raises SourceError.
    """
    try:
        found = sha256_on_disk(image, partial(progress, "read back"))
    except OSError as error:
        raise SourceError(f"cannot read back {image}: {error.strerror}") from error
    if found != artifact.plain_sha256:
        raise SourceError(f"{image.parent} returns other bytes than were written: restore to another disk")
