"""Stores a point: the changed pages or all of them, their index, and the manifest last."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.archive.data_key import DataKey
from shared.archive.seals import seal_manifest
from shared.archive.writer import write_artifact
from shared.catalog.holds import is_stored
from shared.catalog.listing import Catalog
from shared.continuous.index import State, changed_pages, index_of_changes, whole_index
from shared.databases.snapshot import Snapshot
from shared.errors import LitekeepError
from shared.model.manifest import Artifact, Chain, Manifest, Source
from shared.model.names import BackupName, Format
from shared.operations.backup.artifacts import Description
from shared.operations.backup.manifest import new_manifest
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.publish import publish, publish_copy, stage_copies
from shared.operations.continuous.live import BASE_LIFE, Point
from shared.operations.copy import copy_backups
from shared.runtime.progress import Progress
from shared.sqlite.facts import Soundness

_PIECE = 1 << 20


@dataclass(frozen=True)
class Material:
    """Everything that a point is made of. `before`: the page hashes of its parent; a base has neither."""

    snapshot: Snapshot
    began_at: datetime
    created_at: datetime
    integrity: Soundness
    description: Description
    after: State
    changed: int
    origin: Source
    parent: Point | None = None
    before: State | None = None
    cycle: int = 0


def store_point(
    name: BackupName, options: BackupOptions, material: Material, progress: Progress
) -> tuple[Manifest, str | None]:
    """Stores the point. Returns its manifest, and why the copy store lacks it, if it does. Raises StoreError."""
    data_key = DataKey.generate() if options.key else None
    encryption = data_key.wrap(options.key, name) if data_key and options.key else None
    chain = Chain(
        base=material.parent.base if material.parent else name.id,
        parent=material.parent.name.id if material.parent else None,
        cycle=material.cycle,
        changed_pages=material.changed,
        identity=material.after.identity,
        began_at=material.began_at,
    )
    with ExitStack() as stack:
        staging = stack.enter_context(options.store.staging_folder())
        unsealed = _manifest(name, options, material, chain).model_copy(update={"encryption": encryption})
        artifacts = [_write(form, chunks, staging, unsealed, data_key) for form, chunks in _contents(material)]
        manifest = seal_manifest(unsealed.model_copy(update={"artifacts": artifacts}), data_key)
        copies = stage_copies(options.copy_store, manifest, staging, stack)
        publish(options.store, manifest, staging, progress, before_manifest=_check_parent(options, material))
        missing = copy_path(options, material.parent)
        return manifest, missing or publish_copy(options.copy_store, manifest, copies, progress)


def _contents(material: Material) -> Iterator[tuple[Format, Iterator[bytes]]]:
    after, before = material.after, material.before
    if before is None:
        yield Format.SQLITE, _all_pages(material.snapshot.path)
        yield Format.INDEX, whole_index(after)
    else:
        yield Format.PAGES, _some_pages(material.snapshot.path, after.page_size, changed_pages(before, after))
        yield Format.INDEX, index_of_changes(after, changed_pages(before, after), material.changed)


def _write(
    form: Format, chunks: Iterator[bytes], staging: Path, manifest: Manifest, data_key: DataKey | None
) -> Artifact:
    return write_artifact(chunks, staging / form, form, data_key, manifest.name, manifest.binding(form))


def _all_pages(image: Path) -> Iterator[bytes]:
    with image.open("rb") as pages:
        while piece := pages.read(_PIECE):
            yield piece


def _some_pages(image: Path, page_size: int, numbers: Iterator[int]) -> Iterator[bytes]:
    with image.open("rb") as pages:
        for number in numbers:
            pages.seek((number - 1) * page_size)
            yield pages.read(page_size)


def _manifest(name: BackupName, options: BackupOptions, material: Material, chain: Chain) -> Manifest:
    return new_manifest(
        name,
        options,
        material.description,
        created_at=material.created_at,
        keep_for=options.keep_for if chain.parent else options.keep_for + BASE_LIFE,
        source=material.origin,
        integrity=material.integrity,
        format=2,
        artifacts=[],
        chain=chain,
    )


def _check_parent(options: BackupOptions, material: Material) -> Callable[[], None]:
    """Returns a check that the parent still exists: without it the new point could not be restored."""

    def check() -> None:
        parent = material.parent
        if parent is not None and not is_stored(options.store, parent.name.manifest):
            raise LitekeepError(
                f"{parent.name.id}, which the new point builds on, was deleted meanwhile: the next cycle stores a base"
            )

    return check


def copy_path(options: BackupOptions, parent: Point | None) -> str | None:
    """Copies the backups that the point builds on to the copy store. Returns the error, or None if all are there."""
    if options.copy_store is None or parent is None:
        return None
    try:
        if is_stored(options.copy_store, parent.name.manifest):
            return None
        catalog = Catalog(options.store)
        done = copy_backups(
            options.store, options.copy_store, [catalog.find(parent.name.manifest, parent.name.database)]
        )
    except LitekeepError as error:
        return str(error)
    return next(iter(done.failed.values()), None)
