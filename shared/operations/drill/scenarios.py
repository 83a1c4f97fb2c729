"""The four scenarios, each played as a person would on the day: into private places that are gone afterwards.

minor      damaged pages: the newest point, in place, on a damaged copy of the database
instance   the server is gone: the newest backup into a new database on the platform, read back and checked
major      all is gone but bucket and key: a process that has only these, in an empty home
regional   the store is gone: from the copy store to a self-hosted file, and from there back
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
from shared.operations.backup import BackupOptions, take_backup
from shared.operations.diff.compare import Comparison, compare, open_pair
from shared.operations.drill.bare_machine import restore_on_a_bare_machine
from shared.operations.drill.proof import checks_of
from shared.operations.drill.rehearsal import Ground, Location, Rehearsal
from shared.operations.drill.targets import Scenario
from shared.operations.restore import RestoreOptions, restore
from shared.operations.verify.check import Check
from shared.runtime.workspace import scratch_folder
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore

_READ = "read back and checked"
_DAMAGED_BYTES = 2048


def rehearse(scenario: Scenario, ground: Ground) -> Rehearsal:
    """Plays one scenario. What goes wrong with backups and places is in what it returns, never raised."""
    found = Rehearsal(scenario)
    try:
        with scratch_folder() as scratch:
            _PLAYS[scenario](ground, found, scratch)
    except NotGood as error:
        found.hold([Check("restore", ok=False, detail=str(error))])
    except LitekeepError as error:
        found.error = str(error)
    except (apsw.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        found.error = f"{reason or type(error).__name__}: make room, or set TMPDIR"
    return found


def _minor(ground: Ground, found: Rehearsal, scratch: Path) -> None:
    """The copy is made and damaged before the clock runs."""
    copy, before = scratch / "copy.sqlite", scratch / "before.sqlite"
    if ground.live is not None:
        take_snapshot(ground.live, before)
        shutil.copyfile(before, copy)
    else:
        restore(RestoreOptions(ground.catalog, ground.newest, ground.key, FileLocation(copy)))
    _damage(copy)
    found.begin(ground, ground.newest, f"a damaged copy of {ground.database}, in place")
    order = _order(ground.catalog, ground.newest, ground, FileLocation(copy))
    with found.step("restored in place, what was there kept", ground):
        done = restore(
            replace(order, in_place=True, any_source=True, safety_in=FolderStore(scratch / "kept")),
            progress=ground.progress,
        )
    with found.step("checked", ground):
        found.hold(checks_of(ground.catalog, ground.newest, ground.key, done, copy, progress=ground.progress))
    found.ask_application(copy, ground)
    if ground.live is not None:
        with open_pair(before, copy) as both:
            found.lost_rows = _lost(compare(both))


def _instance(ground: Ground, found: Rehearsal, scratch: Path) -> None:
    with _new_database(ground, scratch, "instance") as target:
        found.begin(ground, ground.newest, _where(ground, target))
        with found.step("restored into a new database", ground):
            done = restore(_order(ground.catalog, ground.newest, ground, target), progress=ground.progress)
        with found.step(_READ, ground):
            image = _read_back(target, scratch / "back.sqlite")
            found.hold(checks_of(ground.catalog, ground.newest, ground.key, done, image, progress=ground.progress))
        found.ask_application(image, ground)


def _major(ground: Ground, found: Rehearsal, scratch: Path) -> None:
    backup = ground.verified or ground.newest
    found.begin(ground, backup, "an empty machine, from store and key alone")
    with found.step("restored and checked by a new process", ground):
        image, checks = restore_on_a_bare_machine(
            ground.catalog.store.url, ground.key_name, backup.name, scratch / "machine"
        )
        found.hold(checks)
    if not found.not_good:
        found.ask_application(image, ground)


def _regional(ground: Ground, found: Rehearsal, scratch: Path) -> None:
    assert ground.copy is not None, "without a copy store it is not played"
    same = {backup.name: backup for backup in ground.copy.backups(database=ground.database)}
    backup = next((same[name] for name in _names_to_try(ground) if name in same), None)
    if backup is None:
        raise NotGood(f"{ground.copy.store.url} lacks the newest backups of {ground.database}: run litekeep copy")
    hosted = scratch / "self-hosted.sqlite"
    found.begin(ground, backup, "a self-hosted file, from the copy store, and back")
    with found.step("restored from the copy store", ground):
        done = restore(_order(ground.copy, backup, ground, FileLocation(hosted)), progress=ground.progress)
    with found.step("checked", ground):
        found.hold(checks_of(ground.copy, backup, ground.key, done, hosted, progress=ground.progress))
    found.ask_application(hosted, ground)
    with found.step("the way back", ground):
        found.hold([_way_back(ground, hosted, scratch)])


def _names_to_try(ground: Ground) -> list[object]:
    return [backup.name for backup in (ground.newest, ground.verified) if backup is not None]


def _way_back(ground: Ground, hosted: Path, scratch: Path) -> Check:
    """A backup of the self-hosted file, restored into a new database where the old one was, and compared row by row."""
    private = FolderStore(scratch / "way-back")
    order = BackupOptions(
        FileLocation(hosted), private, None, Kind.ON_DEMAND, timedelta(days=1), "test", name="way-back"
    )
    take_backup(order)
    catalog = Catalog(private)
    with _new_database(ground, scratch, "back") as target:
        restore(RestoreOptions(catalog, catalog.find("way-back"), None, target), progress=ground.progress)
        image = _read_back(target, scratch / "returned.sqlite")
        with open_pair(hosted, image) as both:
            differing = compare(both)
    where = _where(ground, target)
    detail = f"{where} equals the self-hosted file" if differing.equal else f"{where} differs from the self-hosted file"
    return Check("way back", differing.equal, detail)


def _order(catalog: Catalog, backup: Backup, ground: Ground, target: Location) -> RestoreOptions:
    return RestoreOptions(catalog, backup, ground.key, target, prove_if_erased=True)


@contextmanager
def _new_database(ground: Ground, scratch: Path, what: str) -> Iterator[Location]:
    """A name on the platform, or in a scratch folder; what was made there is removed again."""
    if ground.beside is None:
        yield FileLocation(scratch / f"{what}.sqlite")
        return
    target = ground.beside(f"{ground.database}.drill-{ground.started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}")
    try:
        yield target
    finally:
        from shared.sqlitecloud import databases  # noqa: PLC0415 - files need no driver

        databases.remove(target.address, target.database)


def _read_back(target: Location, image: Path) -> Path:
    return live_database(target).pages(image)


def _where(ground: Ground, target: Location) -> str:
    return "a new file" if ground.beside is None else target.display


def _damage(path: Path) -> None:
    """Zeroes in the middle of the file, as a bad disk leaves them."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(max(size // 2, 1024))
        file.write(bytes(min(_DAMAGED_BYTES, max(0, size - file.tell()))))


def _lost(differing: Comparison) -> int:
    """Rows that the copy had and the restored database lacks, or has otherwise."""
    counts = [table.counts or Counts() for table in differing.tables]
    return sum(count.removed + count.changed for count in counts)


_PLAYS: dict[Scenario, Callable[[Ground, Rehearsal, Path], None]] = {
    Scenario.MINOR_CORRUPTION: _minor,
    Scenario.INSTANCE_FAILURE: _instance,
    Scenario.MAJOR_DISASTER: _major,
    Scenario.REGIONAL_OUTAGE: _regional,
}
