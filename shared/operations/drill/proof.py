"""Checks a file that a drill restored: which artifact was used, and the full proof."""

from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.keys import WrappingKey
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.restore.options import Restored
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
    """Returns the checks of the restored database `image`. Raises NotGood if it cannot be read at all."""
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
    """Returns the checks of the restored database `image`, and damage of its source, or None. Raises as `checks_of`."""
    manifest, _ = open_manifest(catalog, backup, key)
    # A restore falls back to the other artifact. A drill reports that.
    first = next(filter(None, map(manifest.artifact, (Format.SQLITE, Format.PAGES, Format.SQL))), None)
    as_planned = first is not None and restored.artifact == first.object
    if restored.erased is None:
        with Confined() as child:
            proof = prove(child, image, manifest, _form(restored.artifact, manifest), progress=progress)
        proven, damage = proof.checks, proof.source_damage
    else:
        proven, damage = restored.checks, None  # the proof was made before erasures were applied; `notes` list those
    detail = "; ".join(restored.notes) or f"rebuilt from {restored.artifact}"
    return [Check("restore", as_planned, detail), *proven], damage


def _form(name: str | None, manifest: Manifest) -> Format:
    return next(artifact.format for artifact in manifest.artifacts if artifact.object == name)
