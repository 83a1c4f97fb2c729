"""Rebuilds a backup as a private database file, from the first of its artifacts that is good."""

from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.catalog.paths import manifests_below
from shared.continuous.path import Parents
from shared.errors import NotGood, StoreError
from shared.keys import WrappingKey
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.erasure.pending import DEFAULT_ERASURES, ErasureOptions, pending_for
from shared.operations.erasure.replayed import Replayed
from shared.operations.verify.child import check_quick
from shared.operations.verify.rebuild import none_usable, rebuild
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, silent


def rebuild_backup(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    target: Path,
    *,
    erasures: ErasureOptions = DEFAULT_ERASURES,
    erased: list[Replayed] | None = None,
    progress: Progress = silent,
) -> Manifest:
    """Rebuilds a backup as the new file `target`, checks it against the manifest, and returns the manifest.

    Erasures recorded since the backup was taken are applied, and reported in `erased`.

    The page image is tried first because it is fastest. Raises NotGood or StoreError if no artifact is good, and
    KeyProblem if the key cannot be used.
    """
    manifest, data_key = open_manifest(catalog, backup, key)
    pending = pending_for(catalog.store, key, manifest, erasures)
    failures: list[NotGood | StoreError] = []
    for form in (Format.SQLITE, Format.PAGES, Format.SQL):
        if (artifact := manifest.artifact(form)) is None:
            continue
        try:
            with Confined() as child:
                parents = Parents(key, manifests_below(backup))
                rebuild(catalog.store, manifest, artifact, data_key, target, child, parents=parents, progress=progress)
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


def _check(child: Confined, target: Path, manifest: Manifest) -> None:
    failed = [check for check in check_quick(child, target, manifest) if not check.ok]
    if failed and manifest.integrity.good:
        raise NotGood(f"{manifest.id} does not match its manifest: {'; '.join(check.detail for check in failed)}")
