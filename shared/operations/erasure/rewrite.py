"""Backups that have already forgotten: each is made anew of the same moment and kind, verified, and marked.

A page image or a dump cannot forget in place: objects are never overwritten. So a backup `ID` becomes `ID-erased-N`, N
being the newest erasure that it has forgotten, with the date and the time to keep of the old one; its manifest says
from which it was made. Points of the continuous chain are left: they go by themselves within days.
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
from shared.operations.backup import BackupOptions, take_backup
from shared.operations.erasure.ledger import Ledger, read_ledger
from shared.operations.erasure.way_out import WayOut
from shared.operations.restore.same import difference
from shared.operations.verify.ladder import verify_backup
from shared.operations.verify.whole import rebuild_backup
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlite.location import FileLocation
from shared.stores import Store

Remove = Callable[[BackupName], None]


@dataclass(frozen=True)
class RewriteOrder:
    """`remove` takes an old backup away, from each store that has it; it raises LitekeepError when that must not be."""

    store: Store
    copy_store: Store | None
    key: WrappingKey | None
    database: str | None
    absent: frozenset[str]
    remove: Remove
    dry_run: bool = False


@dataclass
class Rewritten:
    """`made`: old id to new id. `points`: of the chain, which are left. `kept`, `failed`: why, by old id."""

    made: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Named(FileLocation):
    """A private file that goes by the name of the database that it is of."""

    named: str = ""

    @property
    def database(self) -> str:
        return self.named


def rewrite(order: RewriteOrder, *, progress: Progress = silent) -> Rewritten:
    """Rewrites every backup that has not forgotten, oldest first. One that fails does not keep the others from it.

    Raises NotErased or KeyProblem for the ledger, StoreError when the store cannot be listed.
    """
    done, ledger = Rewritten(), read_ledger(order.store, order.key, order.copy_store)
    if ledger is None:
        return done
    catalog = Catalog(order.store)
    backups = catalog.backups(database=order.database)[::-1]
    for number, backup in enumerate(backups):
        progress("rewrite", number, len(backups))
        try:
            _rewrite_one(order, catalog, ledger, backup, done)
        except LitekeepError as error:
            done.failed[backup.name.id] = str(error)
    return done


def _rewrite_one(order: RewriteOrder, catalog: Catalog, ledger: Ledger, backup: Backup, done: Rewritten) -> None:
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
        raise CorruptSource(f"{old} was taken of a damaged database and cannot be made anew: delete it if it must go")
    new = f"{_first_id(manifest)}-erased-{entries[-1].number}"
    if order.dry_run:
        done.made[old] = new
        return
    _make(order, catalog, backup, manifest, new, entries[-1].number)
    done.made[old] = new
    if backup.hold is not None:
        done.kept[old] = f"it is held: {backup.hold.reason}"
        return
    try:
        order.remove(manifest.name)
    except LitekeepError as error:
        done.kept[old] = str(error)
    else:
        done.removed.append(old)


def _make(order: RewriteOrder, catalog: Catalog, backup: Backup, manifest: Manifest, new: str, through: int) -> None:
    """Takes and verifies the new backup, unless an interrupted run has done so. Raises NotGood when it is not good."""
    name = BackupName(manifest.kind, manifest.database, new)
    with scratch_folder() as scratch:
        image = scratch / "forgotten.sqlite"
        way = WayOut(absent=order.absent, witness=order.copy_store)
        rebuild_backup(catalog, backup, order.key, image, way=way)
        formats = tuple(form for form in (Format.SQL, Format.SQLITE) if manifest.artifact(form) is not None)

        def take(target: Path) -> Snapshot:
            image.rename(target)
            return Snapshot(target, manifest.source, manifest.sqlite.journal_mode, target.stat().st_size)

        try:
            taken = take_backup(
                BackupOptions(
                    location=_Named(image, manifest.database),
                    store=order.store,
                    key=order.key,
                    kind=manifest.kind,
                    keep_for=manifest.keep_until - manifest.created_at,
                    environment=manifest.environment,
                    formats=formats,
                    name=new,
                    copy_store=order.copy_store,
                    note=manifest.note,
                    marks={"rewritten_from": manifest.id, "erased_through": through},
                ),
                snapshot=take,
                clock=lambda: manifest.created_at,
            )
        except ObjectExists:  # an interrupted run has made it, or it is somebody else's
            _check_same(order, catalog, name, image, scratch / "found.sqlite")
        else:
            if taken.copy_error:
                raise SourceError(f"{new} is not in the copy store ({taken.copy_error}): the old one stays")
    verification = verify_backup(catalog, _found(catalog, name), order.key)
    if not verification.ok:
        failed = next((check.detail for check in verification.checks if not check.ok), "nothing could be checked")
        raise NotGood(f"{new} did not pass its verification: {failed}; the old one stays")


def _check_same(order: RewriteOrder, catalog: Catalog, name: BackupName, image: Path, target: Path) -> None:
    """Holds the backup that has the new name already to what was made now. Raises NotGood for another content."""
    found = _found(catalog, name)
    rebuild_backup(catalog, found, order.key, target, way=WayOut(without=True))
    problem = difference(target, image) if image.exists() else "it appeared this very moment"
    if problem is not None:
        raise NotGood(f"{name.id} is there and is not what would be made ({problem}): delete it, and run it again")


def _found(catalog: Catalog, name: BackupName) -> Backup:
    found = next((each for each in catalog.backups(database=name.database) if each.name == name), None)
    if found is None:
        raise NotGood(f"{name.id} cannot be found in the store: the old one stays")
    return found


def _first_id(manifest: Manifest) -> str:
    """The id that was backed up first, so that a second erasure makes no longer and longer names."""
    first = (manifest.model_extra or {}).get("rewritten_from")
    number = (manifest.model_extra or {}).get("erased_through")
    return manifest.id.removesuffix(f"-erased-{number}") if isinstance(first, str) else manifest.id
