"""The backup job: settings and flags in, one backup out, one event either way."""

from typing import Any

from shared.backup import BackupOrder, Taken, take_backup
from shared.catalog import Backup, Catalog
from shared.errors import LitekeepError, NotGood, StoreError, UsageError
from shared.events import Event, Field
from shared.kinds import Kind, kind_of_name
from shared.manifest import Manifest
from shared.names import Format
from shared.progress import Progress
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, key_of, source_of
from shared.terminal.screen import how_to_call, say, say_json, size
from shared.verify import Verification, verify_backup


def run_backup(flags: dict[str, Any], *, prove: bool, as_json: bool, progress: Progress) -> int:
    """Takes the backup that flags and settings ask for, proves it if asked, and says what was done."""
    settings = settings_with(
        backup_store=flags["store"],
        backup_copy_store=_copy_store(flags),
        backup_formats=tuple(form for form in Format if form in flags["formats"]) or None,
    )
    log = event_log(settings, result_on_stdout=as_json)
    order = _order(settings, flags)
    fields: dict[str, Field] = {"database": order.location.database, "kind": order.kind.value}
    try:
        taken = take_backup(order, progress=progress)
        fields["backup_id"] = taken.manifest.id
        proof = _prove(order, taken.manifest, progress) if prove else None
        if taken.copy_error:
            raise StoreError(
                f"{taken.manifest.id} is stored in {order.store.url}, but not in the copy store: {taken.copy_error}"
            )
    except (LitekeepError, OSError) as error:
        log.emit(Event.BACKUP_FAILED, f"backup of {fields['database']} failed: {error}", fields)
        raise
    log.emit(
        Event.BACKUP_SUCCEEDED,
        f"backup {taken.manifest.id} of {fields['database']}",
        fields | _figures(taken),
    )
    if as_json:
        say_json(to_json(taken, proof))
    elif not events_own_stdout(settings):
        _say(taken, proof, order)
    return 0


def _order(settings: Settings, flags: dict[str, Any]) -> BackupOrder:
    name = flags["name"]
    kind = Kind(flags["kind"]) if flags["kind"] else kind_of_name(name)
    return BackupOrder(
        location=source_of(settings),
        store=open_store(settings.backup_store),
        key=key_of(settings, may_create=True),
        kind=kind,
        keep_for=settings.retention_of(kind),
        environment=settings.environment.value,
        formats=settings.backup_formats,
        name=name,
        copy_store=open_store(settings.backup_copy_store) if settings.backup_copy_store else None,
        allow_corrupt=flags["allow_corrupt"],
    )


def _copy_store(flags: dict[str, Any]) -> str | None:
    """`--upload-gcs [--bucket B]` is another way to write `--copy-to gs://B`."""
    copy_to, bucket = flags["copy_to"], flags["bucket"]
    if bucket and not flags["upload_gcs"]:
        raise UsageError("--bucket goes with --upload-gcs")
    if flags["upload_gcs"] and bucket:
        if copy_to:
            raise UsageError("--copy-to and --upload-gcs --bucket name two copy stores: give one")
        return f"gs://{bucket.removeprefix('gs://')}"
    if flags["upload_gcs"]:
        named = copy_to or settings_with().backup_copy_store
        if named is None or not named.startswith("gs://"):
            raise UsageError("--upload-gcs needs --bucket NAME, or BACKUP_COPY_STORE=gs://BUCKET")
    return copy_to  # type: ignore[no-any-return]


def _prove(order: BackupOrder, manifest: Manifest, progress: Progress) -> Verification:
    catalog = Catalog(order.store)
    backup: Backup = catalog.find(manifest.id, manifest.database)
    proof = verify_backup(catalog, backup, order.key, progress=progress)
    if not proof.ok:
        failed = next(check for check in proof.checks if not check.ok)
        raise NotGood(f"{manifest.id} is stored and did not pass its own proof ({failed.name}): {failed.detail}")
    return proof


def _figures(taken: Taken) -> dict[str, Field]:
    manifest = taken.manifest
    return {
        "size_bytes": sum(artifact.size_bytes for artifact in manifest.artifacts),
        "rows": manifest.rows,
        "tables": manifest.tables,
        "duration_seconds": round(taken.duration_seconds, 3),
    }


def to_json(taken: Taken, proof: Verification | None) -> dict[str, Any]:
    """The contract's fields of a backup, and what is known besides."""
    manifest = taken.manifest
    document = manifest.model_dump(mode="json", exclude={"artifacts", "seal", "encryption", "format"})
    document["artifacts"] = [
        artifact.model_dump(mode="json", include={"format", "object", "size_bytes", "sha256", "encrypted"})
        for artifact in manifest.artifacts
    ]
    return document | {
        "verified": proof.ok if proof else None,
        "duration_seconds": round(taken.duration_seconds, 3),
    }


def _say(taken: Taken, proof: Verification | None, order: BackupOrder) -> None:
    manifest = taken.manifest
    figures = f"{manifest.tables} tables, {manifest.rows} rows, {taken.duration_seconds:.1f} s"
    say(f"Backed up {manifest.database}: {figures}")
    for artifact in manifest.artifacts:
        how = "encrypted" if artifact.encrypted else "NOT encrypted"
        place = f"{order.store.url}/{artifact.object}"
        say(f"  {artifact.format:<7}{size(artifact.size_bytes):>8}  {how}  {place}")
    if order.copy_store:
        say(f"  copied to {order.copy_store.url}")
    for problem in manifest.integrity.problems[:3]:
        say(f"  known of the source: {problem}")
    if manifest.integrity.foreign_key_violations:
        say(f"  known of the source: {manifest.integrity.foreign_key_violations} foreign keys are violated")
    if proof:
        say(f"Proven by a restore: {', '.join(check.name for check in proof.checks)} — all good")
    else:
        say(f"Prove it:   {how_to_call()} verify --backup {manifest.id}")
    say(f"Restore it: {how_to_call()} restore --backup {manifest.id} --to restored.db")
