"""A restore, in the order that loses nothing.

The database is rebuilt beside its target under a private name and held to its manifest there. Only then,
in place, is the old one locked and a safety backup taken of it; and only after that does the new file take its name,
in one step.
"""

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from shared.catalog.opening import open_whole
from shared.catalog.verdicts import Opened
from shared.clock import Clock, rfc3339, utc_now
from shared.databases.snapshot import Snapshot, of_file
from shared.errors import CorruptSource, NotGood, UsageError
from shared.model.kinds import Kind
from shared.model.manifest import Artifact, Manifest
from shared.model.names import SAFETY_PREFIX, Format
from shared.operations.backup import BackupOrder, take_backup
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.way_out import pending_for
from shared.operations.restore.migrations import compare_migrations, read_journal
from shared.operations.restore.order import Restored, RestoreOrder, RestorePlan
from shared.operations.restore.permitted import check_permit, redeem
from shared.operations.restore.rebuilt import first_present, rebuild_first_good
from shared.operations.verify.child import look, take_part
from shared.runtime.confined import Confined
from shared.runtime.disk import SET_TMPDIR, check_room
from shared.runtime.progress import Progress, silent
from shared.runtime.so_far import note
from shared.runtime.workspace import scratch_folder
from shared.sqlite.beside import scratch_beside
from shared.sqlite.location import FileLocation
from shared.sqlite.neighbours import refuse_foreign_place
from shared.sqlite.replace import InPlace, check_new, publish_new
from shared.sqlitecloud.location import CloudLocation

_IMAGE_COPIES = 2.2  # the whole and the part, or what is sent and what comes back, stand side by side


def plan_restore(order: RestoreOrder) -> RestorePlan:
    """Checks all that can be checked without writing, and says what would be done."""
    manifest, _ = _opened(order)
    artifact = first_present(order, manifest)
    return RestorePlan(
        id=manifest.id,
        created_at=rfc3339(manifest.created_at),
        artifact=artifact.object,
        bytes_to_read=artifact.size_bytes,
        target=order.target.display,
        replaces=order.in_place,
        tables=manifest.tables,
        rows=manifest.rows,
    )


def restore(order: RestoreOrder, *, clock: Clock = utc_now, progress: Progress = silent) -> Restored:
    """Brings the backup back and returns once it is in its place, proven.

    Raises NotPermitted in place in production, NotGood when no artifact is good, UsageError for a
    target that is taken or a table that is not there, SourceError for the target's disk.
    """
    started = clock()
    journal = read_journal(order.migrations) if order.migrations else None
    manifest, opened = _opened(order)
    pending = pending_for(order.catalog.store, order.key, manifest, order.erasures)
    if pending is not None and order.prove_if_erased:
        order = replace(order, prove=True, prove_again=True)
    note("file", f"{order.target.display} {'is as it was' if order.in_place else 'was not made'}")
    with _scratch(order) as scratch:
        rebuilt = rebuild_first_good(order, manifest, opened, scratch, progress)
        erased = pending.on(rebuilt.path) if pending else None
        path, tables, rows = rebuilt.path, manifest.tables, manifest.rows
        if order.partial:
            path = scratch / "part.sqlite"
            with Confined() as child:
                part = take_part(child, rebuilt.path, path, manifest, order.tables, schema_only=order.schema_only)
            tables, rows = part.tables, part.rows
        elif erased is not None:
            with Confined() as child:
                left = look(child, path, manifest.id)
            tables, rows = left.tables, left.rows
        migrations = compare_migrations(rebuilt.path, journal) if journal else None
        safety, notes = _put_in_place(path, order, scratch, clock, progress)
    return Restored(
        id=manifest.id,
        target=order.target.display,
        tables=tables,
        rows=rows,
        verified=manifest.integrity.good,
        duration_seconds=(clock() - started).total_seconds(),
        artifact=rebuilt.artifact.object,
        safety=safety,
        notes=[
            *rebuilt.notes,
            *notes,
            *_erasure(erased),
            *_damage(manifest),
            *_in_clear(order, manifest),
            *_to_reindex(manifest, rebuilt.artifact),
        ],
        migrations=migrations,
        erased=erased,
        checks=rebuilt.checks if erased else [],
        proof=rebuilt.proof,
    )


def _opened(order: RestoreOrder) -> tuple[Manifest, Opened]:
    """The manifest, authentic, once everything that needs no writing has been checked."""
    if order.permit is None:
        check_permit(order, b"")  # before anything is read
    _check_target(order)
    if order.permit is not None:
        check_permit(order, order.catalog.read_manifest(order.backup)[1])
    manifest, opened = open_whole(order.catalog, order.backup, order.key)
    if not manifest.artifacts:
        raise NotGood(f"backup {manifest.id} names no artifact: use another backup")
    if order.prove and not manifest.integrity.good:
        raise NotGood(
            f"backup {manifest.id} was taken of a damaged database and cannot be proven: use another backup, "
            "or leave out --verify to have its pages as they are"
        )
    _check_same_database(order, manifest)
    if not isinstance(order.target, FileLocation):
        from shared.operations.restore.to_cloud import check_secrecy  # noqa: PLC0415 - as below

        check_secrecy(order.target, in_place=order.in_place, of_encrypted=_was_encrypted(manifest))
    _check_space(order, manifest)
    return manifest, opened


def _check_same_database(order: RestoreOrder, manifest: Manifest) -> None:
    """Two files of one name share their backups in a store: in place, each gets only its own."""
    taken_of, target = manifest.source, order.target
    if not order.in_place or order.any_source or not isinstance(target, FileLocation) or taken_of.path is None:
        return
    if taken_of.host == socket.gethostname() and taken_of.path != str(target.path.resolve()):
        raise UsageError(
            f"{manifest.id} was taken of {taken_of.path}, not of {target.path}: restore it beside with --to, or, if "
            f"it is the same database, add --database {manifest.database}"
        )


def _check_target(order: RestoreOrder) -> None:
    if not isinstance(order.target, FileLocation):
        from shared.operations.restore.to_cloud import check_target  # noqa: PLC0415 - files need no driver

        check_target(order.target, in_place=order.in_place)
    elif not order.in_place:
        check_new(order.target.path)
    elif not order.target.path.exists():
        raise UsageError(f"--in-place: {order.target.path} is not there; leave out --in-place to make it anew")
    else:
        refuse_foreign_place(order.target.path)


@contextmanager
def _scratch(order: RestoreOrder) -> Iterator[Path]:
    """Beside a file, so that moving it into place is one step; for SQLite Cloud anywhere."""
    if isinstance(order.target, FileLocation):
        with scratch_beside(order.target.path) as scratch:
            yield scratch
    else:
        with scratch_folder() as scratch:
            yield scratch


def _check_space(order: RestoreOrder, manifest: Manifest) -> None:
    in_file = isinstance(order.target, FileLocation)
    folder = order.target.path.parent if isinstance(order.target, FileLocation) else Path(tempfile.gettempdir())
    image = manifest.sqlite.page_size * manifest.sqlite.page_count
    copies = _IMAGE_COPIES if order.partial or not in_file else 1
    elsewhere = "choose another --to" if in_file else SET_TMPDIR
    check_room(folder, int(image * copies), f"the restore of {manifest.id}", elsewhere)


def _put_in_place(
    path: Path, order: RestoreOrder, scratch: Path, clock: Clock, progress: Progress
) -> tuple[str | None, list[str]]:
    if not isinstance(order.target, FileLocation):
        return _put_on_cloud(order.target, path, order, scratch, clock, progress)
    if not order.in_place:
        redeem(order)
        publish_new(path, order.target.path)
        return None, []
    with InPlace(order.target.path, clock()) as held:
        safety = _safety_of_file(held, order, clock, progress)
        redeem(order)
        held.swap(path)
    return safety, []


def _put_on_cloud(
    target: CloudLocation, path: Path, order: RestoreOrder, scratch: Path, clock: Clock, progress: Progress
) -> tuple[str | None, list[str]]:
    from shared.operations.restore.to_cloud import create, replace_database  # noqa: PLC0415 - files need no driver

    if not order.in_place:
        redeem(order)
        create(target, path, scratch, progress)
        return None, []

    def keep() -> str:
        try:
            return _safety_backup(order, clock, progress)
        except CorruptSource:
            return _safety_backup(order, clock, progress, allow_corrupt=True)

    return replace_database(
        target,
        path,
        scratch,
        clock(),
        keep=keep,
        may_swap=lambda: redeem(order),
        progress=progress,
        in_one_step=order.in_one_step,
    )


def _safety_of_file(held: InPlace, order: RestoreOrder, clock: Clock, progress: Progress) -> str:
    """What is there now, kept: as a backup in the store, or byte for byte beside it when SQLite cannot open it."""
    if held.damaged:
        return str(held.keep_bytes())

    def copy(destination: Path) -> Snapshot:
        return of_file(held.snapshot(destination), Path(order.target.display))

    try:
        return _safety_backup(order, clock, progress, snapshot=copy)
    except CorruptSource:  # damage is why people restore: its pages are kept as they are, marked as not good
        return _safety_backup(order, clock, progress, snapshot=copy, allow_corrupt=True)


def _safety_backup(
    order: RestoreOrder,
    clock: Clock,
    progress: Progress,
    *,
    snapshot: Callable[[Path], Snapshot] | None = None,
    allow_corrupt: bool = False,
) -> str:
    taken = take_backup(
        BackupOrder(
            location=order.target,
            store=order.safety_in or order.catalog.store,
            key=None if order.safety_in else order.key,
            kind=Kind.ON_DEMAND,
            keep_for=order.keep_safety_for,
            environment=order.environment,
            # The pages alone: the database is locked meanwhile, and there is nothing that they cannot carry.
            formats=(Format.SQLITE,),
            prefix=SAFETY_PREFIX,
            allow_corrupt=allow_corrupt,
        ),
        snapshot=snapshot,
        clock=clock,
        progress=progress,
    )
    return taken.manifest.id


def _erasure(erased: Replayed | None) -> list[str]:
    if erased is None:
        return []
    many = "an erasure was" if len(erased.entries) == 1 else f"{len(erased.entries)} erasures were"
    return [f"{many} replayed: {erased.rows} rows deleted or changed", *erased.notes]


def _damage(manifest: Manifest) -> list[str]:
    if manifest.integrity.good:
        return []
    return [f"NOT good: it was taken of a damaged database, {manifest.integrity.problems[0]}"]


def _was_encrypted(manifest: Manifest) -> bool:
    return (manifest.source.model_extra or {}).get("encrypted") is True


def _in_clear(order: RestoreOrder, manifest: Manifest) -> list[str]:
    if not _was_encrypted(manifest):
        return []
    if isinstance(order.target, FileLocation):
        return ["it was encrypted on SQLite Cloud, and this file is not: keep it accordingly"]
    return [] if order.target.address.key else ["it was encrypted where it was backed up, and is not here"]


def _to_reindex(manifest: Manifest, artifact: Artifact) -> list[str]:
    if artifact.format is not Format.SQL or not manifest.reindex:
        return []
    return [f"run REINDEX {name} in the application: its collation is not known here" for name in manifest.reindex]
