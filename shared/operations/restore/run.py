"""Restores a backup, in an order that loses no data.

The database is rebuilt as a private file beside its target, and checked against its manifest there. In place, the old
database is then locked, and a safety backup of it is taken. Only after that does the new file take its name, in one
step.
"""

from dataclasses import replace

from shared.catalog.opening import open_whole
from shared.catalog.verdicts import Opened
from shared.clock import Clock, rfc3339, utc_now
from shared.errors import NotGood
from shared.model.manifest import Artifact, Manifest
from shared.model.names import Format
from shared.operations.erasure.pending import pending_for
from shared.operations.erasure.replayed import Replayed
from shared.operations.restore.migrations import compare_migrations, read_journal
from shared.operations.restore.options import Restored, RestoreOptions, RestorePlan
from shared.operations.restore.permitted import check_permit
from shared.operations.restore.rebuilt import first_present, rebuild_first_good
from shared.operations.restore.target import RestoreTarget, restore_target
from shared.operations.verify.child import summarize, take_part
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, silent
from shared.runtime.so_far import note


def plan_restore(options: RestoreOptions) -> RestorePlan:
    """Checks everything that needs no writing, and returns what a restore would do."""
    manifest, _ = _open(options, restore_target(options.target))
    artifact = first_present(options, manifest)
    return RestorePlan(
        id=manifest.id,
        created_at=rfc3339(manifest.created_at),
        artifact=artifact.object,
        bytes_to_read=artifact.size_bytes,
        target=options.target.display,
        replaces=options.in_place,
        tables=manifest.tables,
        rows=manifest.rows,
    )


def restore(options: RestoreOptions, *, clock: Clock = utc_now, progress: Progress = silent) -> Restored:
    """Restores the backup and returns once the database is in its place, checked.

    Raises NotPermitted in place in production without an approval, NotGood if no artifact is good, UsageError for a
    target that exists or a table that does not, SourceError for the target's disk.
    """
    started, target = clock(), restore_target(options.target)
    journal = read_journal(options.migrations) if options.migrations else None
    manifest, opened = _open(options, target)
    pending = pending_for(options.catalog.store, options.key, manifest, options.erasures)
    if pending is not None and options.prove_if_erased:
        options = replace(options, prove=True, prove_again=True)
    note("file", f"{options.target.display} {'is as it was' if options.in_place else 'was not made'}")
    with target.scratch() as scratch:
        rebuilt = rebuild_first_good(options, manifest, opened, scratch, progress)
        erased = pending.on(rebuilt.path) if pending else None
        path, tables, rows = rebuilt.path, manifest.tables, manifest.rows
        if options.partial:
            path = scratch / "part.sqlite"
            with Confined() as child:
                part = take_part(child, rebuilt.path, path, manifest, options.tables, schema_only=options.schema_only)
            tables, rows = part.tables, part.rows
        elif erased is not None:
            with Confined() as child:
                found = summarize(child, path, manifest.id)
            tables, rows = found.tables, found.rows
        migrations = compare_migrations(rebuilt.path, journal) if journal else None
        safety, notes = target.put(path, options, scratch, clock, progress)
    return Restored(
        id=manifest.id,
        target=options.target.display,
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
            *target.notes_of(manifest),
            *_to_reindex(manifest, rebuilt.artifact),
        ],
        migrations=migrations,
        erased=erased,
        checks=rebuilt.checks if erased else [],
        proof=rebuilt.proof,
    )


def _open(options: RestoreOptions, target: RestoreTarget) -> tuple[Manifest, Opened]:
    """Returns the authentic manifest, after every check that needs no writing."""
    if options.permit is None:
        check_permit(options, b"")  # before anything is read
    doing = f"restore {options.backup.name.id} to {options.target.display}"
    target.check(doing, "use another --to, or --in-place", in_place=options.in_place)
    if options.permit is not None:
        check_permit(options, options.catalog.read_manifest(options.backup)[1])
    manifest, opened = open_whole(options.catalog, options.backup, options.key)
    if not manifest.artifacts:
        raise NotGood(f"backup {manifest.id} names no artifact: use another backup")
    if options.prove and not manifest.integrity.good:
        raise NotGood(
            f"backup {manifest.id} was taken of a damaged database and cannot be proven: use another backup, "
            "or leave out --verify to restore its pages as they are"
        )
    target.check_manifest(manifest, in_place=options.in_place, any_source=options.any_source)
    target.check_space(manifest, partial=options.partial)
    return manifest, opened


def _erasure(erased: Replayed | None) -> list[str]:
    return [] if erased is None else [erased.summary, *erased.notes]


def _damage(manifest: Manifest) -> list[str]:
    if manifest.integrity.good:
        return []
    return [f"NOT good: it was taken of a damaged database, {manifest.integrity.problems[0]}"]


def _to_reindex(manifest: Manifest, artifact: Artifact) -> list[str]:
    if artifact.format is not Format.SQL or not manifest.reindex:
        return []
    return [f"run REINDEX {name} in the application: its collation is not known here" for name in manifest.reindex]
