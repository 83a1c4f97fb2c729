"""Takes a backup, all or nothing.

Artifacts are written to staging, complete and hashed, and then stored. The manifest is written last, when every
artifact that it names is stored: an interrupted run never leaves a listable backup.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from shared.archive.data_key import DataKey
from shared.archive.seals import seal_manifest
from shared.catalog.listing import Catalog
from shared.clock import Clock, utc_now
from shared.databases.snapshot import Snapshot, take_snapshot
from shared.dump.dump import FORMAT as DUMP_FORMAT
from shared.errors import CorruptSource, NoSql, ObjectExists, SourceError
from shared.model.manifest import Artifact, Manifest, checked_name
from shared.model.names import BackupName, Format, automatic_id
from shared.operations.backup.artifacts import Description, describe_damaged, describe_snapshot, write_artifacts
from shared.operations.backup.manifest import new_manifest
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.publish import publish, publish_copy, stage_copies
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlite.checks import check_in_background
from shared.sqlite.facts import Soundness

if TYPE_CHECKING:
    from concurrent.futures import Future

_TRIES_FOR_A_FREE_ID = 20


@dataclass(frozen=True)
class Taken:
    """A published backup. `copy_error` says why the copy store lacks it, if it does."""

    manifest: Manifest
    duration_seconds: float
    copy_error: str | None = None


@dataclass(frozen=True)
class _Capture:
    """A snapshot and its integrity check, which runs in another thread."""

    snapshot: Snapshot
    began_at: datetime
    created_at: datetime
    integrity: "Future[Soundness]"


def take_backup(
    options: BackupOptions,
    *,
    snapshot: Callable[[Path], Snapshot] | None = None,
    clock: Clock = utc_now,
    progress: Progress = silent,
) -> Taken:
    """Takes one backup and returns it once it is published.

    `snapshot` copies the database when the caller holds it locked, so that nobody else can read it.

    Raises SourceError or CorruptSource for the database, StoreError for the store (ObjectExists when
    the name is taken), KeyProblem for the key. A failure of the copy store is returned as `copy_error`, not raised.
    """
    started = clock()
    catalog = Catalog(options.store)
    if options.name is not None:
        check_free(catalog, checked_name(options.kind, options.location.database, options.name))
    with scratch_folder() as scratch:
        image = scratch / "snapshot.sqlite"
        copied = snapshot(image) if snapshot else _snapshot(options, image, progress)
        # The time after the snapshot, so that `--at` never returns data newer than the requested moment.
        created_at = clock()
        # A quick check: looking up each row in each index takes longer than everything else. Verification does that.
        with check_in_background(copied.path, quick=True) as integrity:
            capture = _Capture(copied, started, created_at, integrity)
            for candidate in candidate_ids(options, created_at):
                name = checked_name(options.kind, options.location.database, candidate)
                try:
                    check_free(catalog, name)
                    manifest, copy_error = _store_as(name, options, capture, progress)
                except ObjectExists:
                    if options.name is not None:
                        raise
                    continue  # another run took the id of this second: try one with a random suffix
                return Taken(manifest, (clock() - started).total_seconds(), copy_error)
    raise ObjectExists(
        f"no free id near {automatic_id(created_at, options.prefix)} in {options.store.url}: start again in a minute"
    )


def _snapshot(options: BackupOptions, image: Path, progress: Progress) -> Snapshot:
    return take_snapshot(options.location, image, allow_corrupt=options.allow_corrupt, progress=progress)


def candidate_ids(options: BackupOptions, created_at: datetime) -> Iterator[str]:
    """Yields the ids to try: only the given name, or an id made from the time, then the same with random suffixes."""
    if options.name is not None:
        yield options.name
        return
    first = automatic_id(created_at, options.prefix)
    yield first
    for _ in range(_TRIES_FOR_A_FREE_ID):  # random, so that they cannot all be taken in advance
        yield f"{first}-{secrets.token_hex(2)}"


def check_free(catalog: Catalog, name: BackupName) -> None:
    """Raises ObjectExists when the store has a backup of that name."""
    if catalog.is_taken(name.database, name.id):
        raise ObjectExists(f"the name {name.id} is taken in {catalog.store.url}: choose another --name")


def _store_as(
    name: BackupName, options: BackupOptions, capture: _Capture, progress: Progress
) -> tuple[Manifest, str | None]:
    """Stores the artifacts and the manifest. Returns the manifest and the copy store's error, if any."""
    data_key = DataKey.generate() if options.key else None
    encryption = data_key.wrap(options.key, name) if data_key and options.key else None
    with ExitStack() as stack:
        staging = stack.enter_context(options.store.staging_folder())
        artifacts, description = _write(name, options, capture, staging, data_key, progress)
        manifest = new_manifest(
            name,
            options,
            description,
            created_at=capture.created_at,
            keep_for=options.keep_for,
            source=capture.snapshot.origin,
            integrity=description.integrity or capture.integrity.result(),
            artifacts=artifacts,
            encryption=encryption,
            without_sql=description.without_sql,
            dump_format=DUMP_FORMAT,
            began_at=capture.began_at,
        ).model_copy(update=dict(options.marks))
        manifest = seal_manifest(manifest, data_key)
        copies = stage_copies(options.copy_store, manifest, staging, stack)
        publish(options.store, manifest, staging, progress)
        return manifest, publish_copy(options.copy_store, manifest, copies, progress)


def _write(
    name: BackupName,
    options: BackupOptions,
    capture: _Capture,
    staging: Path,
    data_key: DataKey | None,
    progress: Progress,
) -> tuple[list[Artifact], Description]:
    """Writes the artifacts to staging. Raises CorruptSource for a damaged database, unless `allow_corrupt` is set."""
    image = capture.snapshot
    if options.allow_corrupt and not capture.integrity.result().good:
        # A damaged database cannot be dumped: only its pages are stored.
        artifacts, _ = write_artifacts(name, image, capture.created_at, (Format.SQLITE,), staging, data_key, progress)
        return artifacts, describe_damaged(image)
    try:
        try:
            artifacts, counts = write_artifacts(
                name, image, capture.created_at, options.formats, staging, data_key, progress
            )
        except NoSql as error:
            if Format.SQLITE not in options.formats:
                raise
            for form in options.formats:
                (staging / form).unlink(missing_ok=True)
            only_pages = (Format.SQLITE,)
            artifacts, _ = write_artifacts(name, image, capture.created_at, only_pages, staging, data_key, progress)
            return artifacts, replace(describe_snapshot(image, None), without_sql=str(error))
        description = describe_snapshot(image, counts)
    except (apsw.Error, SourceError) as error:
        refuse_damaged(options, capture.integrity.result())  # damage is the better explanation
        if not options.allow_corrupt or not isinstance(error, NoSql):
            raise
        # Names that are not valid text: the contents cannot be described, but the pages are stored.
        for form in Format:
            (staging / form).unlink(missing_ok=True)
        artifacts, _ = write_artifacts(name, image, capture.created_at, (Format.SQLITE,), staging, data_key, progress)
        return artifacts, replace(describe_damaged(image), unreadable=str(error))
    except UnicodeError:
        raise SourceError(
            f"cannot back up {options.location.display}: its schema holds a name or collation that is not text; "
            "rename it in the database"
        ) from None
    refuse_damaged(options, capture.integrity.result())
    return artifacts, description


def refuse_damaged(options: BackupOptions, integrity: Soundness) -> None:
    """Raises CorruptSource for a damaged database."""
    if not integrity.good:
        found = integrity.problems[0]
        what = f"is damaged, integrity_check says: {found}"
        if found.startswith("malformed database schema"):
            what = (
                f"has a schema that SQLite cannot read (it is damaged, or of a newer SQLite or another engine): {found}"
            )
        raise CorruptSource(
            f"{options.location.display} {what}; nothing was stored: "
            "restore a good backup over it, or add --allow-corrupt to keep its pages as they are"
        )
