"""Takes one backup, and emits its events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.catalog.listing import Catalog
from shared.errors import NotGood, StoreError
from shared.events.log import Event, EventLog, Field
from shared.model.manifest import Manifest
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken, take_backup
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.terminal.audit import audited

if TYPE_CHECKING:
    from shared.catalog.backup import Backup
    from shared.operations.verify.ladder import Verification


@dataclass(frozen=True)
class Made:
    """A finished backup with its options, and its verification if one was requested."""

    options: BackupOptions
    taken: Taken
    proof: "Verification | None"


@dataclass(frozen=True)
class Skipped:
    """No backup was taken. `reason` is also in the event; `backup_id` is a backup that holds the same data."""

    reason: str
    backup_id: str | None = None


def back_up(options: BackupOptions, settings: Settings, log: EventLog, *, prove: bool, progress: Progress) -> Made:
    """Takes the backup, and verifies it with `prove`. Raises LitekeepError or OSError after the events are sent."""
    database = options.location.database
    audit = audited(log, settings, "backup", options.store.url, database=database, kind=options.kind.value)
    with audit as operation:
        with operation.step(Event.BACKUP_FAILED, f"backup of {database} failed"):
            taken = take_backup(options, progress=progress)
            operation.backup_id = taken.manifest.id
            proof = prove_backup(options, taken.manifest, progress) if prove else None
            copied(taken, options)
        message = f"backup {taken.manifest.id} of {database}" + _without_sql(taken.manifest)
        operation.emit(Event.BACKUP_SUCCEEDED, message, figures(taken))
        if proof and proof.source_damage:
            operation.emit(Event.SOURCE_DAMAGED, f"{database} itself is damaged: {proof.source_damage}")
    return Made(options, taken, proof)


def copied(taken: Taken, options: BackupOptions) -> None:
    """Raises StoreError if copying the backup to the copy store failed."""
    if taken.copy_error:
        raise StoreError(
            f"{taken.manifest.id} is stored in {options.store.url}, but not in the copy store: {taken.copy_error}"
        )


def prove_backup(options: BackupOptions, manifest: Manifest, progress: Progress) -> "Verification":
    """Verifies the backup by a restore into a scratch database. Raises NotGood if it does not pass."""
    from shared.operations.verify.ladder import verify_backup  # noqa: PLC0415 - most backups are verified later, by another job

    catalog = Catalog(options.store)
    backup: Backup = catalog.find(manifest.id, manifest.database)
    proof = verify_backup(catalog, backup, options.key, progress=progress)
    if proof.unrecorded:
        raise StoreError(f"{manifest.id} is stored, but its verdict could not be stored: {proof.unrecorded}")
    if not proof.ok:
        failed = next(check for check in proof.checks if not check.ok)
        raise NotGood(f"{manifest.id} is stored and did not pass its verification ({failed.name}): {failed.detail}")
    return proof


def _without_sql(manifest: Manifest) -> str:
    return f", its page image only: {manifest.without_sql}" if manifest.without_sql else ""


def figures(taken: Taken) -> dict[str, Field]:
    """Returns the event fields with the sizes, counts and duration of a backup."""
    manifest = taken.manifest
    return {
        "size_bytes": sum(artifact.size_bytes for artifact in manifest.artifacts),
        "rows": manifest.rows,
        "tables": manifest.tables,
        "duration_seconds": round(taken.duration_seconds, 3),
    }
