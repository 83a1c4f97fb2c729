"""Rewrite backups without erased rows: make each again with the same time and kind, and verify it.

Objects are never overwritten, so a backup `ID` becomes `ID-erased-N`, where N is the newest erasure applied. It keeps
the date and the retention of the old backup, and its manifest names that backup. Points of the continuous chain are not
rewritten: they expire within days.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.databases.snapshot import Snapshot
from shared.errors import CorruptSource, LitekeepError, NotGood, ObjectExists, SourceError
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.manifest import Manifest
from shared.model.names import BackupName, Format
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.erasure.ledger import Ledger, read_ledger
from shared.operations.erasure.pending import ErasureOptions
from shared.operations.restore.same import difference
from shared.operations.verify.ladder import verify_backup
from shared.operations.verify.whole import rebuild_backup
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlite.location import FileLocation
from shared.stores import Store

Remove = Callable[[BackupName], None]


@dataclass(frozen=True)
class RewriteOptions:
    """Options of a rewrite. `remove` deletes an old backup from each store; it raises LitekeepError if not allowed."""

    store: Store
    copy_store: Store | None
    key: WrappingKey | None
    database: str | None
    absent: frozenset[str]
    remove: Remove
    dry_run: bool = False


@dataclass
class Rewritten:
    """Results by old id: `made` has the new id, `kept` and `failed` a reason. `points` are points of the chain."""

    made: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Named(FileLocation):
    """A private file with the name of the database of the backup."""

    named: str = ""

    @property
    def database(self) -> str:
        return self.named


def rewrite(options: RewriteOptions, *, progress: Progress = silent) -> Rewritten:
    """Rewrite every backup that still has erased rows, oldest first. A failure does not stop the others.

    Raises NotErased or KeyProblem for the ledger, and StoreError if the store cannot be listed.
    """
    done, ledger = Rewritten(), read_ledger(options.store, options.key, options.copy_store)
    if ledger is None:
        return done
    catalog = Catalog(options.store)
    backups = catalog.backups(database=options.database)[::-1]
    for number, backup in enumerate(backups):
        progress("rewrite", number, len(backups))
        try:
            _rewrite_one(options, catalog, ledger, backup, done)
        except LitekeepError as error:
            done.failed[backup.name.id] = str(error)
    return done


def _rewrite_one(options: RewriteOptions, catalog: Catalog, ledger: Ledger, backup: Backup, done: Rewritten) -> None:
    """Rewrite one backup if it has erased rows, and add the result to `done`. Raises LitekeepError."""
    if backup.damaged:
        raise NotGood(backup.damaged)
    manifest, _ = catalog.read_manifest(backup)
    entries = ledger.applying_to(manifest)
    if not entries:
        return
    old = manifest.id
    if manifest.kind is Kind.CONTINUOUS or manifest.artifact(Format.PAGES) is not None:
        done.points.append(old)
        return
    if not manifest.integrity.good:
        raise CorruptSource(f"cannot rewrite {old}: its source was damaged; delete it if it must go")
    new = f"{_original_id(manifest)}-erased-{entries[-1].number}"
    if options.dry_run:
        done.made[old] = new
        return
    _make(options, catalog, backup, manifest, new, entries[-1].number)
    done.made[old] = new
    if backup.hold is not None:
        done.kept[old] = f"it is held: {backup.hold.reason}"
        return
    try:
        options.remove(manifest.name)
    except LitekeepError as error:
        done.kept[old] = str(error)
    else:
        done.removed.append(old)


def _make(
    options: RewriteOptions, catalog: Catalog, backup: Backup, manifest: Manifest, new: str, through: int
) -> None:
    """Takes and verifies the new backup, unless an interrupted run did so already. Raises NotGood if it is not good."""
    name = BackupName(manifest.kind, manifest.database, new)
    with scratch_folder() as scratch:
        image = scratch / "rewritten.sqlite"
        erasures = ErasureOptions(absent=options.absent, witness=options.copy_store)
        rebuild_backup(catalog, backup, options.key, image, erasures=erasures)
        formats = tuple(form for form in (Format.SQL, Format.SQLITE) if manifest.artifact(form) is not None)

        def take(target: Path) -> Snapshot:
            image.rename(target)
            return Snapshot(target, manifest.source, manifest.sqlite.journal_mode, target.stat().st_size)

        try:
            taken = take_backup(
                BackupOptions(
                    location=_Named(image, manifest.database),
                    store=options.store,
                    key=options.key,
                    kind=manifest.kind,
                    keep_for=manifest.keep_until - manifest.created_at,
                    environment=manifest.environment,
                    formats=formats,
                    name=new,
                    copy_store=options.copy_store,
                    note=manifest.note,
                    marks={"rewritten_from": manifest.id, "erased_through": through},
                ),
                snapshot=take,
                clock=lambda: manifest.created_at,
            )
        except ObjectExists:  # of an interrupted run, or another backup with this name
            _check_same(options, catalog, name, image, scratch / "found.sqlite")
        else:
            if taken.copy_error:
                raise SourceError(f"{new} is not in the copy store ({taken.copy_error}): the old backup was kept")
    verification = verify_backup(catalog, _found(catalog, name), options.key)
    if not verification.ok:
        failed = next((check.detail for check in verification.checks if not check.ok), "nothing could be checked")
        raise NotGood(f"{new} did not pass its verification: {failed}; the old backup was kept")


def _check_same(options: RewriteOptions, catalog: Catalog, name: BackupName, image: Path, target: Path) -> None:
    """Compares an existing backup of the new name with the rewritten database. Raises NotGood if they differ."""
    found = _found(catalog, name)
    rebuild_backup(catalog, found, options.key, target, erasures=ErasureOptions(without=True))
    problem = difference(target, image) if image.exists() else "another run has just made it"
    if problem is not None:
        raise NotGood(
            f"{name.id} exists and differs from the rewritten backup ({problem}): delete it and run the command again"
        )


def _found(catalog: Catalog, name: BackupName) -> Backup:
    found = next((each for each in catalog.backups(database=name.database) if each.name == name), None)
    if found is None:
        raise NotGood(f"{name.id} cannot be found in the store: the old backup was kept")
    return found


def _original_id(manifest: Manifest) -> str:
    """Returns the id of the original backup, so that names do not grow with each erasure."""
    first = (manifest.model_extra or {}).get("rewritten_from")
    number = (manifest.model_extra or {}).get("erased_through")
    return manifest.id.removesuffix(f"-erased-{number}") if isinstance(first, str) else manifest.id
