"""Proves a point of a chain: every object on its path, the identity of the rebuilt pages, then as any page image."""

from pathlib import Path
from typing import Protocol

from shared.archive.data_key import DataKey
from shared.archive.reader import check_stored
from shared.continuous.path import Parents, Step, objects_of, path_to
from shared.continuous.rebuild import rebuild_pages
from shared.errors import NotGood, ObjectMissing
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.verify.check import Proof
from shared.operations.verify.child import prove
from shared.operations.verify.rebuild import check_pages
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress
from shared.runtime.workspace import scratch_folder
from shared.stores import Store
from shared.text import count


class RungCollector(Protocol):
    """Collects the verdicts of a climb."""

    image: Proof | None
    rests_on: list[str]

    def add(self, name: str, *, ok: bool, detail: str) -> bool: ...


def climb_point(
    store: Store,
    manifest: Manifest,
    data_key: DataKey | None,
    parents: Parents,
    rungs: RungCollector,
    progress: Progress,
) -> None:
    """Checks the manifests of the path, its objects, the rebuilt pages, and the database they make."""
    try:
        path = path_to(store, manifest, data_key, parents)
    except NotGood as error:
        rungs.add("manifest", ok=False, detail=str(error))
        return
    rungs.rests_on = [step.manifest.id for step in path[:-1]]
    if not _as_stored(store, path, rungs):
        return
    with scratch_folder() as scratch:
        target = scratch / "point.sqlite"
        if _rebuilt(store, path, target, rungs, progress):
            _prove(manifest, target, rungs, progress)


def _as_stored(store: Store, path: list[Step], rungs: RungCollector) -> bool:
    size = 0
    for step, form in objects_of(path):
        artifact = step.manifest.artifact(form)
        if artifact is None:
            return rungs.add("checksum", ok=False, detail=f"{step.manifest.id} has no {form}; use another backup")
        try:
            with store.open(artifact.object) as stored:
                check_stored(stored, artifact)
        except ObjectMissing:
            return rungs.add("checksum", ok=False, detail=f"{artifact.object} is missing; use another backup")
        except NotGood as error:
            return rungs.add("checksum", ok=False, detail=str(error))
        size += artifact.size_bytes
    return rungs.add("checksum", ok=True, detail=f"{count(2 * len(path), 'object')}, {count(size, 'byte')} as recorded")


def _rebuilt(store: Store, path: list[Step], target: Path, rungs: RungCollector, progress: Progress) -> bool:
    manifest = path[-1].manifest
    try:
        rebuild_pages(store, path, target, lambda done, total: progress("rebuild", done, total))
    except NotGood as error:
        return rungs.add("decrypt", ok=False, detail=str(error))
    rungs.add("decrypt", ok=True, detail=f"a base and {count(len(path) - 1, 'increment')}, whole")
    pages = f"{count(manifest.sqlite.page_count, 'page')} as they were"
    return rungs.add("identity", ok=True, detail=pages)


def _prove(manifest: Manifest, target: Path, rungs: RungCollector, progress: Progress) -> None:
    try:
        check_pages(target, manifest)
        with Confined() as child:
            rungs.image = prove(child, target, manifest, Format.PAGES, progress=progress)
    except NotGood as error:
        rungs.add("image", ok=False, detail=str(error))
        return
    rungs.add("image", ok=True, detail="the page image opens")
    for check in rungs.image.checks:
        rungs.add(check.name, ok=check.ok, detail=check.detail)
