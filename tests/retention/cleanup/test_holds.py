"""Holding and releasing: what is held stays held until somebody lets it go, and says why."""

from dataclasses import replace
from pathlib import Path

import pytest

from shared.catalog.holds import hold, read_hold, release
from shared.catalog.listing import Catalog
from shared.errors import ObjectExists, StoreError, UsageError
from shared.model import names
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.stores.folder import FolderStore
from tests.retention.cleanup.shelf import objects, put


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    put(store, 1, "one")
    return store


def test_a_hold_is_an_object_beside_the_backup_and_a_release_removes_it(store: FolderStore) -> None:
    before = objects(store)
    made = hold(store, "one", "  evidence\nfor \x1b[31mincident 42 ", "someone")
    assert made.reason == "evidence for [31mincident 42"
    assert objects(store) - before == {"daily/app/one.hold.json"}
    found = read_hold(store, made.backup)
    assert (found.reason, found.held_by) == (made.reason, "someone")
    assert (found.held_at, made.held_at) != (None, None)
    assert release(store, "one").reason == made.reason
    assert objects(store) == before


def test_the_catalog_sees_a_held_backup_as_before(store: FolderStore) -> None:
    (before,) = Catalog(store).backups()
    hold(store, "one", "x", "someone")
    (held,) = Catalog(store).backups()
    assert replace(held, hold=None) == before
    assert held.to_json()["hold"]["reason"] == "x"


def test_a_second_hold_is_refused_and_says_what_holds(store: FolderStore) -> None:
    hold(store, "one", "evidence", "someone")
    with pytest.raises(ObjectExists, match=r"held already .evidence.*release"):
        hold(store, "one", "other", "someone else")
    assert release(store, "one").reason == "evidence"


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501, "\x00"])
def test_a_hold_needs_a_reason_of_a_line(store: FolderStore, reason: str) -> None:
    with pytest.raises(UsageError, match="--reason"):
        hold(store, "one", reason, "someone")
    assert "daily/app/one.hold.json" not in objects(store)


@pytest.mark.parametrize("backup_id", ["none", "", "../one", "on", "one.manifest.json"])
def test_what_is_no_backup_cannot_be_held(store: FolderStore, backup_id: str) -> None:
    before = objects(store)
    with pytest.raises(UsageError, match="is no backup"):
        hold(store, backup_id, "x", "someone")
    assert objects(store) == before


def test_what_is_not_held_cannot_be_released(store: FolderStore) -> None:
    with pytest.raises(UsageError, match="is not held"):
        release(store, "one")


def test_of_two_databases_one_must_be_named(store: FolderStore) -> None:
    put(store, 1, "one", database="other")
    with pytest.raises(UsageError, match="--database"):
        hold(store, "one", "x", "someone")
    assert hold(store, "one", "x", "someone", database="other").backup.database == "other"
    assert release(store, "one").backup.database == "other"


def test_a_damaged_backup_can_be_held(store: FolderStore) -> None:
    bad = BackupName(Kind.WEEKLY, "app", "bad")
    store.create(bad.manifest, b"{", {})
    assert hold(store, "bad", "x", "someone").backup == bad


def test_a_hold_that_outlived_its_backup_can_be_released(store: FolderStore) -> None:
    hold(store, "one", "x", "someone")
    (Path(store.url) / "daily/app/one.manifest.json").unlink()
    release(store, "one")
    assert "daily/app/one.hold.json" not in objects(store)


def test_a_backup_that_goes_while_it_is_being_held_is_not_said_to_be_held(tmp_path: Path, store: FolderStore) -> None:
    class Late(FolderStore):
        def create(self, name, content, metadata):  # type: ignore[no-untyped-def]
            (tmp_path / "store" / "daily/app/one.manifest.json").unlink()
            return super().create(name, content, metadata)

    with pytest.raises(StoreError, match="deleted while it was being held"):
        hold(Late(tmp_path / "store"), "one", "x", "someone")
    assert "daily/app/one.hold.json" not in objects(store)


class Vault(FolderStore):
    """A store that can hold objects itself, as a bucket does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.held: set[str] = set()
        self.refuses = False

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        if self.refuses:
            raise StoreError("permission denied")
        assert generation
        self.held = self.held | {name} if held else self.held - {name}


def test_a_store_that_can_holds_the_manifest_and_every_artifact(store: FolderStore) -> None:
    vault = Vault(Path(store.url))
    assert hold(vault, "one", "x", "someone").by_store
    assert {names.parse(name).role for name in vault.held} == {"manifest", "sql", "sqlite"}  # type: ignore[union-attr]
    release(vault, "one")
    assert vault.held == set()


def test_a_store_that_refuses_to_hold_or_to_release_leaves_the_backup_held_by_us(store: FolderStore) -> None:
    vault = Vault(Path(store.url))
    vault.refuses = True
    with pytest.raises(StoreError, match=r"held by Litekeep, but not by the store itself.*permission denied"):
        hold(vault, "one", "x", "someone")
    assert "daily/app/one.hold.json" in objects(vault)
    with pytest.raises(StoreError, match="still held"):
        release(vault, "one")
    assert "daily/app/one.hold.json" in objects(vault)
