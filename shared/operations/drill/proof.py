"""What a restored file is held to in a drill: the artifact that was to be used, and the whole proof."""

from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.keys import WrappingKey
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.restore import Restored
from shared.operations.verify.check import Check
from shared.operations.verify.child import prove
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, silent


def checks_of(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    restored: Restored,
    image: Path,
    *,
    progress: Progress = silent,
) -> list[Check]:
    """The checks of `image`, a private file with what was restored. Raises NotGood when it cannot be read at all."""
    return proof_of(catalog, backup, key, restored, image, progress=progress)[0]


def proof_of(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    restored: Restored,
    image: Path,
    *,
    progress: Progress = silent,
) -> tuple[list[Check], str | None]:
    """The same, and what SQLite's full check finds in the source itself, of which the backup is faithful."""
    manifest, _ = open_manifest(catalog, backup, key)
    # A restore makes do with the artifact that is good. Here the other one is a finding.
    first = next(filter(None, map(manifest.artifact, (Format.SQLITE, Format.PAGES, Format.SQL))), None)
    as_planned = first is not None and restored.artifact == first.object
    if restored.erased is None:
        with Confined() as child:
            proof = prove(child, image, manifest, _form(restored.artifact, manifest), progress=progress)
        proven, damage = proof.checks, proof.source_damage
    else:
        proven, damage = restored.checks, None  # made before it forgot what was erased since; its notes tell the rest
    detail = "; ".join(restored.notes) or f"rebuilt from {restored.artifact}"
    return [Check("restore", as_planned, detail), *proven], damage


def _form(name: str | None, manifest: Manifest) -> Format:
    return next(artifact.format for artifact in manifest.artifacts if artifact.object == name)
