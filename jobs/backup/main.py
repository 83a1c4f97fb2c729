"""The backup job: backs up one database or several, and reports the result."""

from typing import TYPE_CHECKING, Any

from jobs.backup.one import Skipped
from jobs.backup.slot import back_up_once
from shared.errors import LitekeepError, UsageError
from shared.events.log import safe_line
from shared.model.kinds import Kind, kind_of_name
from shared.model.names import WHOLE
from shared.model.schedules import SCHEDULED
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken
from shared.operations.copy import check_apart
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from shared.terminal.flags import BackupFlags, flag_name, given_flags
from shared.terminal.notify import call_heartbeat_at_end
from shared.terminal.options import settings_with
from shared.terminal.parts import event_log, events_own_stdout, key_of, project_of, source_of
from shared.terminal.screen import BAD, UNKNOWN, command_name, say, say_json
from shared.text import count, size

if TYPE_CHECKING:
    from jobs.backup.fleet import FleetRun
    from shared.operations.verify.ladder import Verification


_LONGEST_NOTE = 500


def run_backup(flags: BackupFlags, *, prove: bool, as_json: bool, progress: Progress) -> int:
    """Takes the backups of flags and settings, verifies them with `prove`, and prints the result.

    Returns 1 if a backup of several failed, else 0. Raises LitekeepError.
    """
    settings = settings_with(
        backup_store=flags.store,
        backup_copy_store=_copy_store(flags),
        backup_formats=tuple(form for form in WHOLE if form in flags.formats) or None,
    )
    if settings.backup_copy_store:
        what = "--copy-to" if flags.copy_to or flags.upload_gcs else "BACKUP_COPY_STORE"
        check_apart(settings.backup_store, settings.backup_copy_store, what)
    log = event_log(settings, result_on_stdout=as_json)
    if settings.backup_databases is not None:
        options = _options(
            settings, flags, CloudLocation(project_of(settings), "")
        )  # the name is filled in for each database
        from jobs.backup.fleet import back_up_fleet  # noqa: PLC0415 - imports the driver, which a file does not need

        run = back_up_fleet(settings, options, log, prove=prove, progress=progress)
        if not run.failures:
            call_heartbeat_at_end(settings)
        _report(run, settings, as_json=as_json)
        return LitekeepError.exit_code if run.failures else 0
    one = back_up_once(_options(settings, flags, source_of(settings)), settings, log, prove=prove, progress=progress)
    call_heartbeat_at_end(settings)
    if isinstance(one, Skipped):
        return _say_skipped(one, settings, as_json=as_json)
    if as_json:
        say_json(to_json(one.taken, one.proof))
    elif not events_own_stdout(settings):
        _say(one.taken, one.proof, one.options)
    return 0


def _say_skipped(skipped: Skipped, settings: Settings, *, as_json: bool) -> int:
    if as_json:
        say_json({"skipped": skipped.reason} | ({"backup_id": skipped.backup_id} if skipped.backup_id else {}))
    elif not events_own_stdout(settings):
        since = f" since {skipped.backup_id}" if skipped.backup_id else ""
        say(f"{UNKNOWN} No backup was taken: {skipped.reason}{since}")
    return 0


def _report(run: "FleetRun", settings: Settings, *, as_json: bool) -> None:
    """Prints the result of several databases. Raises LitekeepError if one failed, unless `as_json`."""
    if as_json:
        documents = [to_json(one.taken, one.proof) for one in run.made]
        documents += [{"database": one.database, "error": one.reason} for one in run.failures]
        say_json(documents + [{"database": one.database, "skipped": one.reason} for one in run.left_out])
        return
    if not events_own_stdout(settings):
        for one in run.made:
            _say(one.taken, one.proof, one.options)
            say()
        for failure in run.failures:
            say(f"{BAD} {failure.database}: {failure.reason}")
        for left in run.left_out:
            say(f"{UNKNOWN} {left.database} was left out: {left.reason}")
        databases = count(len(run.made) + len(run.failures), "database")
        say(f"{len(run.made)} of {databases} backed up")
    if run.failures:
        names = ", ".join(failure.database for failure in run.failures[:5])
        failed = count(len(run.failures), "database")
        raise LitekeepError(f"no new backup of {failed} ({names}): see the reason in their events")


def _options(settings: Settings, flags: BackupFlags, location: FileLocation | CloudLocation) -> BackupOptions:
    name = flags.name
    kind = Kind(flags.kind) if flags.kind else kind_of_name(name)
    if kind is Kind.CONTINUOUS:
        _refuse_with_continuous(flags)
    return BackupOptions(
        location=location,
        store=open_store(settings.backup_store),
        key=key_of(settings, may_create=True),
        kind=kind,
        keep_for=settings.retention_of(kind),
        environment=settings.environment.value,
        formats=settings.backup_formats,
        name=name,
        copy_store=open_store(settings.backup_copy_store) if settings.backup_copy_store else None,
        allow_corrupt=flags.allow_corrupt,
        skip_unchanged=_skips_unchanged(settings, flags, kind),
        note=_note(flags),
    )


def _refuse_with_continuous(flags: BackupFlags) -> None:
    """Raises UsageError for flags that a point of a chain does not support."""
    clashing = ("name", "formats", "allow_corrupt", "skip_unchanged")
    if clash := [name for name in clashing if name in given_flags(flags)]:
        raise UsageError(
            f"{flag_name(clash[0])} does not go with --kind continuous: leave it out, or take a backup of another kind"
        )


def _note(flags: BackupFlags) -> str | None:
    if flags.note is None:
        return None
    note = safe_line(flags.note)
    if len(note) > _LONGEST_NOTE:
        raise UsageError(f"--note is longer than {_LONGEST_NOTE} characters: shorten it")
    return note


def _skips_unchanged(settings: Settings, flags: BackupFlags, kind: Kind) -> bool:
    if flags.skip_unchanged and (flags.name or kind not in SCHEDULED):
        raise UsageError(
            f"--skip-unchanged needs --kind {', '.join(SCHEDULED)} and no --name: other backups are always taken"
        )
    return flags.skip_unchanged or settings.backup_skip_unchanged


def _copy_store(flags: BackupFlags) -> str | None:
    """Returns the copy store of the flags; `--upload-gcs --bucket B` means `--copy-to gs://B`. Raises UsageError."""
    copy_to, bucket = flags.copy_to, flags.bucket
    if bucket and not flags.upload_gcs:
        raise UsageError("--bucket needs --upload-gcs")
    if flags.upload_gcs and bucket:
        if copy_to:
            raise UsageError("--copy-to and --upload-gcs --bucket name two copy stores: give one")
        return f"gs://{bucket.removeprefix('gs://')}"
    if flags.upload_gcs:
        named = copy_to or settings_with().backup_copy_store
        if named is None or not named.startswith("gs://"):
            raise UsageError("--upload-gcs needs --bucket NAME, or BACKUP_COPY_STORE=gs://BUCKET")
    return copy_to


def to_json(taken: Taken, proof: "Verification | None") -> dict[str, Any]:
    """Returns the document of `backup --json`: the documented fields, and the others of the manifest."""
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


def _say(taken: Taken, proof: "Verification | None", options: BackupOptions) -> None:
    manifest = taken.manifest
    figures = f"{count(manifest.tables, 'table')}, {count(manifest.rows, 'row')}, {taken.duration_seconds:.1f} s"
    say(f"Backed up {manifest.database}: {figures}")
    for artifact in manifest.artifacts:
        how = "encrypted" if artifact.encrypted else "NOT encrypted"
        place = f"{options.store.url}/{artifact.object}"
        say(f"  {artifact.format:<7}{size(artifact.size_bytes):>8}  {how}  {place}")
    if manifest.without_sql:
        say(f"  no SQL: {manifest.without_sql}")
    if options.copy_store:
        say(f"  copied to {options.copy_store.url}")
    for problem in manifest.integrity.problems[:3]:
        say(f"  already in the source: {problem}")
    if manifest.integrity.foreign_key_violations:
        violations = count(manifest.integrity.foreign_key_violations, "foreign key violation")
        say(f"  already in the source: {violations}")
    if proof and proof.source_damage:
        say(f"{BAD} The source itself is damaged, and the backup is faithful: {proof.source_damage}")
    if proof:
        say(f"Proven by a restore: {', '.join(check.name for check in proof.checks)} — all good")
    else:
        say(f"Verify it:  {command_name()} verify --backup {manifest.id}")
    say(f"Restore it: {command_name()} restore --backup {manifest.id} --to restored.db")
