"""Copies to another store each backup that it lacks, and the records that belong to its backups.

Of each backup the artifacts are copied first and the manifest last, so that the other store never lists an incomplete
backup. Its verdicts, re-wrapped keys and hold follow; then erasures, drill reports and the audit trail. Existing
objects are left as they are, so a second run continues an interrupted copy. Every artifact is checked against its
manifest on the way: a damaged one is not copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.archive.tally import StoredTally
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.paths import parent_of
from shared.catalog.summary import beside_manifest
from shared.errors import LitekeepError, NotGood, ObjectExists, ObjectMissing, StoreError, UsageError
from shared.model import names, report_names
from shared.model.kinds import Kind
from shared.model.manifest import Artifact, Manifest
from shared.model.request_names import POLICIES, REQUESTS
from shared.model.trail_names import BESIDE_TRAIL
from shared.runtime.progress import Progress, silent
from shared.runtime.so_far import note
from shared.stores import Store, StoredObject
from shared.text import count

_PIECE = 1 << 20
_RECORDS = ("verdict", "hold", "rekey")  # roles of objects that are stored beside a backup later
_LARGEST_RECORD = 64 << 20  # bytes of a verdict, hold or drill report


@dataclass
class Copied:
    """The result of a copy. `failed` gives the reason for each backup or record that could not be copied."""

    backups: list[str] = field(default_factory=list)
    objects: int = 0
    size_bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def check_apart(store_url: str, copy_url: str, what: str = "BACKUP_COPY_STORE") -> None:
    """Raises UsageError when the copy store is the store itself, or one of them lies inside the other."""
    one, other = _place(store_url), _place(copy_url)
    if one == other or one.startswith(other + "/") or other.startswith(one + "/"):
        raise UsageError(
            f"{what} is the store itself, or one lies inside the other: choose a place that is not lost with the store"
        )


def _place(url: str) -> str:
    if url.startswith("gs://"):
        return url.rstrip("/")
    return str(Path(url).expanduser().resolve())


def copy_backups(
    source: Store, target: Store, backups: Sequence[Backup] | None = None, *, progress: Progress = silent
) -> Copied:
    """Copies the given backups, or all that `target` lacks, oldest first, with their records.

    Continues after a backup that fails. Raises StoreError when a store cannot be listed.
    """
    catalog = Catalog(source)
    stored_sizes = {item.name: item.size_bytes for item in target.list_objects(start=BESIDE_TRAIL)}
    wanted = list(reversed(catalog.backups() if backups is None else _with_paths(catalog, backups)))
    chosen = {backup.name for backup in wanted}
    done = Copied()
    note("copy", lambda: f"{count(len(done.backups), 'backup')} copied to {target.url}: run it again for the rest")
    for number, backup in enumerate(wanted):
        progress("copy", number, len(wanted))
        try:
            _copy_backup(catalog, target, backup, stored_sizes, done)
        except (NotGood, StoreError) as error:
            done.failed[backup.name.id] = str(error)
    for item in source.list_objects(start=BESIDE_TRAIL):  # page by page: a large store would fill the memory
        if item.name not in stored_sizes and _is_record(item, chosen, done, whole=backups is None):
            _copy_record(source, target, item, done)
    if backups is None:
        _copy_trail(source, target, done)
    return done


def _copy_trail(source: Store, target: Store, done: Copied) -> None:
    from shared.audit.copy import copy_trail  # noqa: PLC0415 - it loads signatures, and most copies need none

    try:
        copied = copy_trail(source, target)
    except LitekeepError as error:
        done.failed["the audit trail"] = str(error)
        return
    done.objects += copied.objects
    done.size_bytes += copied.size_bytes


def _with_paths(catalog: Catalog, backups: Sequence[Backup]) -> list[Backup]:
    """Adds the backups that these build on, newest first: the target must not list a point that it cannot restore."""
    wanted = {backup.name: backup for backup in backups}
    databases = {backup.name.database for backup in backups if parent_of(backup)}
    known = {backup.name: backup for database in databases for backup in catalog.backups(Kind.CONTINUOUS, database)}
    for backup in backups:
        at = parent_of(backup)
        while at is not None and at in known and at not in wanted:
            wanted[at] = known[at]
            at = parent_of(known[at])
    if len(wanted) == len(backups):
        return list(backups)
    return sorted(wanted.values(), key=lambda backup: (backup.created_at, _cycle_of(backup)), reverse=True)


def _cycle_of(backup: Backup) -> int:
    return backup.chain.cycle if backup.chain else 0


def _copy_backup(catalog: Catalog, target: Store, backup: Backup, stored_sizes: dict[str, int], done: Copied) -> None:
    if backup.name.manifest in stored_sizes:
        return
    if backup.damaged:
        raise NotGood(backup.damaged)
    parent = parent_of(backup)
    if parent is not None and parent.manifest not in stored_sizes:
        raise NotGood(f"the target lacks {parent.id}, which it builds on: copy that first")
    manifest, raw = catalog.read_manifest(backup)
    for artifact in manifest.artifacts:
        if stored_sizes.get(artifact.object) == artifact.size_bytes:
            continue
        _copy_artifact(catalog.store, target, artifact)
        done.objects += 1
        done.size_bytes += artifact.size_bytes
    _create(target, manifest, raw)
    stored_sizes[backup.name.manifest] = len(raw)
    done.objects += 1
    done.backups.append(manifest.id)


def _copy_artifact(source: Store, target: Store, artifact: Artifact) -> None:
    """Copies one artifact, and checks its size and hash before it gets its name."""
    tally = StoredTally()
    with target.staging_folder() as staging:
        path = staging / "artifact"
        with source.open(artifact.object) as stored, path.open("xb") as file:
            while tally.size <= artifact.size_bytes and (piece := stored.read(_PIECE)):
                tally.add(piece)
                file.write(piece)
        if (tally.size, tally.sha256) != (artifact.size_bytes, artifact.sha256):
            raise NotGood(f"cannot copy {artifact.object}: its content differs from the manifest; use another backup")
        metadata = {"litekeep-sha256": artifact.sha256, "litekeep-format": artifact.format.value}
        target.create_from_file(artifact.object, path, int(tally.crc32c, 16), metadata)


def _create(target: Store, manifest: Manifest, raw: bytes) -> None:
    try:
        target.create(manifest.name.manifest, raw, beside_manifest(manifest))
    except ObjectExists:
        return  # another run copied it at the same time


def _is_record(item: StoredObject, chosen: set[names.BackupName], done: Copied, *, whole: bool) -> bool:
    """Returns whether an object belongs to a copied backup, or is a drill report, an erasure, a request or a policy."""
    parsed = names.parse(item.name)
    if parsed is not None:
        return parsed.role in _RECORDS and parsed.backup in chosen and parsed.backup.id not in done.failed
    if report_names.parse_erasure(item.name) is not None:
        return True  # a restore from the copy has to replay erasures too
    return whole and item.name.startswith((report_names.drill_prefix(), REQUESTS, POLICIES))


def _copy_record(source: Store, target: Store, item: StoredObject, done: Copied) -> None:
    if item.size_bytes > _LARGEST_RECORD:
        return
    try:
        with source.open(item.name, item.generation) as stored:
            content = stored.read(item.size_bytes + 1)
        target.create(item.name, content, item.metadata)
    except (ObjectMissing, ObjectExists):
        return
    except LitekeepError as error:
        done.failed[item.name] = str(error)
        return
    done.objects += 1
    done.size_bytes += len(content)
