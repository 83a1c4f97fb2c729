"""Stores staged artifacts and then their manifest, in the store and in the copy store."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from shared.catalog.listing import Catalog
from shared.errors import LitekeepError
from shared.model.manifest import Artifact, Manifest
from shared.model.names import SAFETY_PREFIX
from shared.runtime.progress import Progress
from shared.runtime.so_far import note, unsure
from shared.stores import Store


class _CopyFailed:
    """Staging the copy failed. Reported after the backup is published in the first store."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


Copies = Path | _CopyFailed | None


def publish(
    store: Store,
    manifest: Manifest,
    staging: Path,
    progress: Progress,
    *,
    before_manifest: Callable[[], None] = lambda: None,
) -> None:
    """Stores the artifacts from `staging / FORMAT`, then the manifest, which is the commit point.

    `before_manifest` is called between the two, and raises an error to prevent the commit.
    """
    for number, artifact in enumerate(manifest.artifacts):
        progress("store", number, len(manifest.artifacts))
        store.create_from_file(
            artifact.object, staging / artifact.format, int(artifact.crc32c, 16), _metadata(artifact)
        )
    before_manifest()
    what = f"safety backup {manifest.id}" if manifest.id.startswith(SAFETY_PREFIX) else f"backup {manifest.id}"
    what += f" of {manifest.database}"
    with unsure(
        what,
        f"whether {what} is stored in {store.url} is shown by litekeep list",
        f"{what} is stored in {store.url}",
    ):
        Catalog(store).publish(manifest)
    progress("store", len(manifest.artifacts), len(manifest.artifacts))


def stage_copies(copy_store: Store | None, manifest: Manifest, staging: Path, stack: ExitStack) -> Copies:
    """Copies the staged files for the copy store, because publishing moves the originals into the first store."""
    if copy_store is None:
        return None
    try:
        staged = stack.enter_context(copy_store.staging_folder())
        for artifact in manifest.artifacts:
            shutil.copyfile(staging / artifact.format, staged / artifact.format)
    except (LitekeepError, OSError) as error:
        return _CopyFailed(str(error))
    return staged


def publish_copy(copy_store: Store | None, manifest: Manifest, copies: Copies, progress: Progress) -> str | None:
    """Publishes in the copy store too. Returns the error, if any: the backup in the first store is complete anyway."""
    if copy_store is None or copies is None:
        return None
    if isinstance(copies, _CopyFailed):
        return copies.reason
    note("copy", f"the copy of {manifest.id} is not in {copy_store.url}: litekeep copy brings it there")
    try:
        publish(copy_store, manifest, copies, progress)
        note("copy", f"its copy is stored in {copy_store.url}")
    except LitekeepError as error:
        return str(error)
    return None


def _metadata(artifact: Artifact) -> Mapping[str, str]:
    return {"litekeep-sha256": artifact.sha256, "litekeep-format": artifact.format.value}
