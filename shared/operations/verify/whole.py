"""A whole backup as a private database file, from whichever of its artifacts is good."""

from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.catalog.paths import manifests_below
from shared.continuous.path import Below
from shared.errors import NotGood, StoreError
from shared.keys import WrappingKey
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.way_out import USUAL, WayOut, pending_for
from shared.operations.verify.child import hold
from shared.operations.verify.nearest import Search
from shared.operations.verify.rebuild import none_usable, rebuild
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, silent


def rebuild_backup(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    target: Path,
    *,
    way: WayOut = USUAL,
    erased: list[Replayed] | None = None,
    progress: Progress = silent,
) -> Manifest:
    """Makes the new file `target` of a backup and checks it against the manifest, which is returned.

    Then it forgets what was erased since the backup was taken; what that was is added to `erased`.

    The page image is tried first: it is there as fast as it can be read. Raises NotGood or StoreError when no
    artifact is good, KeyProblem for the key.
    """
    manifest, data_key = open_manifest(catalog, backup, key)
    pending = pending_for(catalog.store, key, manifest, way)
    failures: list[NotGood | StoreError] = []
    for form in (Format.SQLITE, Format.PAGES, Format.SQL):
        if (artifact := manifest.artifact(form)) is None:
            continue
        try:
            with Confined() as child:
                below = Below(key, manifests_below(backup))
                rebuild(catalog.store, manifest, artifact, data_key, target, child, below=below, progress=progress)
                _check(child, target, manifest)
        except (NotGood, StoreError) as error:
            failures.append(error)
            target.unlink(missing_ok=True)
            continue
        if pending is not None:
            done = pending.on(target)
            if erased is not None:
                erased.append(done)
        return manifest
    raise none_usable(manifest, failures)


def holds(catalog: Catalog, backup: Backup, key: WrappingKey | None) -> bool:
    """Whether a backup's manifest is authentic and the stored bytes of an artifact are as it says; of a point, of all
    that it rests on. Restores nothing.

    Raises StoreError or KeyProblem when that cannot be told.
    """
    return Search(catalog, key).holds(backup)


def _check(child: Confined, target: Path, manifest: Manifest) -> None:
    failed = [check for check in hold(child, target, manifest) if not check.ok]
    if failed and manifest.integrity.good:
        raise NotGood(f"{manifest.id} came back different: {'; '.join(check.detail for check in failed)}")
