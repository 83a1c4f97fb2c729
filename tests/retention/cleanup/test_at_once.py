"""Concurrent cleanups, backups, holds and users: no kept backup is deleted at any interleaving."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog.holds import hold
from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.errors import LitekeepError, StoreError
from shared.model.kinds import Kind
from shared.model.names import WHOLE, BackupName, Format
from shared.retention.cleanup import clean
from shared.stores import StoredObject
from shared.stores.folder import FolderStore
from tests.retention.cleanup.shelf import POLICY, age, ago, fill, ids, objects, put, put_aged


class Interrupted(FolderStore):
    """Calls a function before the n-th deletion."""

    def __init__(self, path: Path, number: int, happens: Callable[[], object]) -> None:
        super().__init__(path)
        self._number = number
        self._happens = happens
        self.happened = False

    def delete(self, name: str, generation: str) -> None:
        self._number -= 1
        if self._number == 0:
            self._happens()
            self.happened = True
        super().delete(name, generation)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.parametrize("number", range(1, 13))
def test_second_cleanup_is_refused_at_every_step_of_the_first(folder: Path, number: int) -> None:
    fill(FolderStore(folder))
    refused: list[str] = []

    def second() -> None:
        with pytest.raises(StoreError, match="another cleanup is running") as caught:
            clean(FolderStore(folder), POLICY)
        refused.append(str(caught.value))

    store = Interrupted(folder, number, second)
    outcome = clean(store, POLICY)
    assert store.happened
    assert len(refused) == 1
    assert (outcome.errors, len(outcome.deleted)) == ([], 3)


@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_cleanup_stops_when_its_lease_is_taken_over(folder: Path, number: int) -> None:
    """Its machine was suspended for hours, and another cleanup ran meanwhile."""
    fill(FolderStore(folder))

    def others() -> None:
        clean(FolderStore(folder), POLICY, clock=lambda: utc_now() + timedelta(hours=2))
        put(FolderStore(folder), 150, "new-old")

    store = Interrupted(folder, number, others)
    outcome = clean(store, POLICY)
    assert any("took over its lease" in line for line in outcome.errors)
    assert "new-old" in ids(store)


def test_cleanup_stops_before_its_lease_expires(folder: Path) -> None:
    old = fill(FolderStore(folder))
    later = [timedelta(0)]

    def time_passes() -> None:
        later[0] = timedelta(minutes=59)

    store = Interrupted(folder, 2, time_passes)
    outcome = clean(store, POLICY, clock=lambda: utc_now() + later[0])
    assert outcome.deleted == {old[0]}
    assert any("run it again" in line for line in outcome.errors)


def test_concurrent_cleanups_delete_each_expired_backup_once(folder: Path) -> None:
    old = fill(FolderStore(folder), young=6, old=6)
    deleted: list[BackupName] = []
    refused: list[str] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            deleted.extend(clean(FolderStore(folder), POLICY).deleted)
        except StoreError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name.id for name in deleted) == sorted(name.id for name in old)
    assert all("another cleanup" in text or "took over" in text for text in refused)
    assert ids(FolderStore(folder)) == {f"b{number}" for number in range(1, 7)}


@pytest.mark.parametrize("number", range(1, 13))
def test_backup_in_progress_is_left_alone_at_every_step(folder: Path, number: int) -> None:
    fill(FolderStore(folder))
    name = BackupName(Kind.DAILY, "app", "running")
    FolderStore(folder).create(name.artifact(Format.SQLITE, encrypted=False), b"x" * 10, {})

    def finishes() -> None:
        FolderStore(folder).delete(*_object(folder, name.artifact(Format.SQLITE, encrypted=False)))
        put(FolderStore(folder), 0, "running")

    store = Interrupted(folder, number, finishes)
    assert clean(store, POLICY).errors == []
    assert store.happened
    (running,) = [backup for backup in Catalog(store).backups() if backup.name == name]
    assert {artifact.object for artifact in running.artifacts} <= objects(store)


def test_slow_backup_that_stores_its_manifest_now_is_not_swept(folder: Path) -> None:
    fill(FolderStore(folder), old=1)
    name = BackupName(Kind.WEEKLY, "app", "slow")
    slow = FolderStore(folder)
    put_aged(folder, slow, "weekly/app/other.sql.gz", 3)

    def finishes() -> None:
        put(slow, 0, "slow", kind=Kind.WEEKLY)
        for item in [item.name for item in slow.list_objects(name.prefix)]:
            age(folder, item, 3)

    for form in WHOLE:
        put_aged(folder, slow, name.artifact(form, encrypted=True), 3)
    outcome = clean(Interrupted(folder, 1, finishes), POLICY)
    assert len(outcome.swept) == 1
    assert {name.artifact(form, encrypted=True) for form in WHOLE} <= objects(slow)


def test_hold_during_cleanup_keeps_the_backup_or_fails(folder: Path) -> None:
    for number in range(1, 6):
        root = folder / str(number)
        folder.mkdir(exist_ok=True)
        fill(FolderStore(root), old=1)
        errors: list[str] = []

        def holds(root: Path = root, errors: list[str] = errors) -> None:
            try:
                hold(FolderStore(root), "old0", "wait", "someone")
            except LitekeepError as error:
                errors.append(str(error))

        clean(Interrupted(root, number, holds), POLICY)
        there = ids(FolderStore(root))
        if errors:
            assert "old0" not in there
        else:
            assert "old0" in there
            (backup,) = [b for b in Catalog(FolderStore(root)).backups() if b.name.id == "old0"]
            assert {artifact.object for artifact in backup.artifacts} <= objects(FolderStore(root))
            assert backup.verified is True


@pytest.mark.parametrize("gone", ["b1", "b2", "b3"])
def test_deletion_stops_once_a_protecting_backup_is_gone(folder: Path, gone: str) -> None:
    old = fill(FolderStore(folder))
    victim = BackupName(Kind.DAILY, "app", gone)
    store = Interrupted(folder, 2, (folder / victim.manifest).unlink)
    outcome = clean(store, POLICY)
    assert outcome.deleted == {old[0]}
    assert len([line for line in outcome.errors if f"{gone}, which is newer" in line]) == 2


class Lossy(FolderStore):
    """Loses the objects `lost` from the n-th listing of the whole store, or from every listing if n is 0."""

    def __init__(self, path: Path, lost: Callable[[StoredObject], bool], number: int = 0) -> None:
        super().__init__(path)
        self._lost = lost
        self._number = number
        self._listed = 0

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        self._listed += prefix == ""
        loses = prefix == "" and self._number in (0, self._listed)
        return (item for item in super().list_objects(prefix, start) if not (loses and self._lost(item)))


@pytest.mark.parametrize("lost", [".manifest.json", ".hold.json", "daily/app/b"])
def test_lost_listing_page_never_deletes_a_kept_backup(folder: Path, lost: str) -> None:
    store = FolderStore(folder)
    fill(store)
    hold(store, "old1", "evidence", "someone")
    for name in objects(store):
        age(folder, name, 50)  # old enough to count as orphans
    before = objects(store)
    clean(Lossy(folder, lambda item: lost in item.name), POLICY)
    gone = before - objects(store)
    assert all("old0." in name or "old2." in name for name in gone)


@pytest.mark.parametrize("number", [1, 2])
def test_verdict_missing_from_one_listing_still_counts(folder: Path, number: int) -> None:
    fill(FolderStore(folder))
    failing = put(FolderStore(folder), 0.1, "failing", verified=False)
    lossy = Lossy(
        folder, lambda item: item.name == failing.verdict(ago(0.1)) or "failing.verified" in item.name, number
    )
    outcome = clean(lossy, POLICY)
    assert outcome.deleted == set()
    assert len([line for line in outcome.attention if "two listings differ" in line]) == 3


def _object(folder: Path, name: str) -> tuple[str, str]:
    (item,) = [item for item in FolderStore(folder).list_objects(name) if item.name == name]
    return item.name, item.generation
