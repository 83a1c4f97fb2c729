"""Play the four scenarios as an operator would. All targets are private, and are removed afterwards.

minor      damaged pages: restore the newest point in place, over a damaged copy of the database
instance   the server is lost: restore the newest backup into a new database on the platform, read it back and check it
major      only bucket and key are left: restore in a new process that has only these, in an empty home
regional   the store is lost: restore from the copy store to a self-hosted file, and from there back
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.compare.rows import Counts
from shared.databases.snapshot import live_database, take_snapshot
from shared.errors import LitekeepError, NotGood
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.diff.compare import Comparison, compare, open_pair
from shared.operations.drill.bare_machine import restore_on_a_bare_machine
from shared.operations.drill.proof import checks_of
from shared.operations.drill.rehearsal import Location, Rehearsal, RehearsalContext
from shared.operations.drill.targets import Scenario
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.operations.verify.check import Check
from shared.runtime.workspace import scratch_folder
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore

_READ = "read back and checked"
_DAMAGED_BYTES = 2048


def rehearse(scenario: Scenario, context: RehearsalContext) -> Rehearsal:
    """Play one scenario. Faults of backups, stores and disks are returned, not raised."""
    found = Rehearsal(scenario)
    try:
        with scratch_folder() as scratch:
            _SCENARIOS[scenario](context, found, scratch)
    except NotGood as error:
        found.add_checks([Check("restore", ok=False, detail=str(error))])
    except LitekeepError as error:
        found.error = str(error)
    except (apsw.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        found.error = f"{reason or type(error).__name__}: make room, or set TMPDIR"
    return found


def _minor(context: RehearsalContext, found: Rehearsal, scratch: Path) -> None:
    """Restores in place. The copy is made and damaged before timing starts."""
    copy, before = scratch / "copy.sqlite", scratch / "before.sqlite"
    if context.live is not None:
        take_snapshot(context.live, before)
        shutil.copyfile(before, copy)
    else:
        restore(RestoreOptions(context.catalog, context.newest, context.key, FileLocation(copy)))
    _damage(copy)
    found.begin(context, context.newest, f"a damaged copy of {context.database}, in place")
    options = _restore_options(context.catalog, context.newest, context, FileLocation(copy))
    with found.step("restored in place, with a safety backup", context):
        done = restore(
            replace(options, in_place=True, any_source=True, safety_in=FolderStore(scratch / "kept")),
            progress=context.progress,
        )
    with found.step("checked", context):
        found.add_checks(checks_of(context.catalog, context.newest, context.key, done, copy, progress=context.progress))
    found.check_application(copy, context)
    if context.live is not None:
        with open_pair(before, copy) as both:
            found.lost_rows = _lost(compare(both))


def _instance(context: RehearsalContext, found: Rehearsal, scratch: Path) -> None:
    with _new_database(context, scratch, "instance") as target:
        found.begin(context, context.newest, _describe(context, target))
        with found.step("restored into a new database", context):
            options = _restore_options(context.catalog, context.newest, context, target)
            done = restore(options, progress=context.progress)
        with found.step(_READ, context):
            image = _read_back(target, scratch / "back.sqlite")
            found.add_checks(
                checks_of(context.catalog, context.newest, context.key, done, image, progress=context.progress)
            )
        found.check_application(image, context)


def _major(context: RehearsalContext, found: Rehearsal, scratch: Path) -> None:
    backup = context.verified or context.newest
    found.begin(context, backup, "an empty machine, from store and key alone")
    with found.step("restored and checked by a new process", context):
        image, checks = restore_on_a_bare_machine(
            context.catalog.store.url, context.key_name, backup.name, scratch / "machine"
        )
        found.add_checks(checks)
    if not found.not_good:
        found.check_application(image, context)


def _regional(context: RehearsalContext, found: Rehearsal, scratch: Path) -> None:
    assert context.copy is not None, "this scenario needs a copy store"
    same = {backup.name: backup for backup in context.copy.backups(database=context.database)}
    backup = next((same[name] for name in _names_to_try(context) if name in same), None)
    if backup is None:
        raise NotGood(f"{context.copy.store.url} lacks the newest backups of {context.database}: run litekeep copy")
    hosted = scratch / "self-hosted.sqlite"
    found.begin(context, backup, "a self-hosted file, from the copy store, and back")
    with found.step("restored from the copy store", context):
        done = restore(_restore_options(context.copy, backup, context, FileLocation(hosted)), progress=context.progress)
    with found.step("checked", context):
        found.add_checks(checks_of(context.copy, backup, context.key, done, hosted, progress=context.progress))
    found.check_application(hosted, context)
    with found.step("the way back", context):
        found.add_checks([_back_to_platform(context, hosted, scratch)])


def _names_to_try(context: RehearsalContext) -> list[object]:
    return [backup.name for backup in (context.newest, context.verified) if backup is not None]


def _back_to_platform(context: RehearsalContext, hosted: Path, scratch: Path) -> Check:
    """Back up the self-hosted file, restore it into a new database on the platform, and compare row by row."""
    private = FolderStore(scratch / "way-back")
    options = BackupOptions(
        FileLocation(hosted), private, None, Kind.ON_DEMAND, timedelta(days=1), "test", name="way-back"
    )
    take_backup(options)
    catalog = Catalog(private)
    with _new_database(context, scratch, "back") as target:
        restore(RestoreOptions(catalog, catalog.find("way-back"), None, target), progress=context.progress)
        image = _read_back(target, scratch / "returned.sqlite")
        with open_pair(hosted, image) as both:
            differing = compare(both)
    where = _describe(context, target)
    detail = f"{where} equals the self-hosted file" if differing.equal else f"{where} differs from the self-hosted file"
    return Check("way back", differing.equal, detail)


def _restore_options(catalog: Catalog, backup: Backup, context: RehearsalContext, target: Location) -> RestoreOptions:
    return RestoreOptions(catalog, backup, context.key, target, prove_if_erased=True)


@contextmanager
def _new_database(context: RehearsalContext, scratch: Path, what: str) -> Iterator[Location]:
    """Yields the location of a new database on the platform, or in the scratch folder; it is removed afterwards."""
    if context.new_location is None:
        yield FileLocation(scratch / f"{what}.sqlite")
        return
    target = context.new_location(f"{context.database}.drill-{context.started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}")
    try:
        yield target
    finally:
        from shared.sqlitecloud import databases  # noqa: PLC0415 - files need no driver

        databases.remove(target.address, target.database)


def _read_back(target: Location, image: Path) -> Path:
    return live_database(target).pages(image)


def _describe(context: RehearsalContext, target: Location) -> str:
    return "a new file" if context.new_location is None else target.display


def _damage(path: Path) -> None:
    """Overwrite the middle of the file with zeros, as a bad disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(max(size // 2, 1024))
        file.write(bytes(min(_DAMAGED_BYTES, max(0, size - file.tell()))))


def _lost(differing: Comparison) -> int:
    """Counts the rows of the copy that are missing or different in the restored database."""
    counts = [table.counts or Counts() for table in differing.tables]
    return sum(count.removed + count.changed for count in counts)


_SCENARIOS: dict[Scenario, Callable[[RehearsalContext, Rehearsal, Path], None]] = {
    Scenario.MINOR_CORRUPTION: _minor,
    Scenario.INSTANCE_FAILURE: _instance,
    Scenario.MAJOR_DISASTER: _major,
    Scenario.REGIONAL_OUTAGE: _regional,
}
