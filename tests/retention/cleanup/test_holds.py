"""Holds and releases: a backup is on hold until it is released, and the hold has a reason."""

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


def test_hold_creates_an_object_and_release_removes_it(store: FolderStore) -> None:
    before = objects(store)
    made = hold(store, "one", "  evidence\nfor \x1b[31mincident 42 ", "someone")
    assert made.reason == "evidence for [31mincident 42"
    assert objects(store) - before == {"daily/app/one.hold.json"}
    found = read_hold(store, made.backup)
    assert (found.reason, found.held_by) == (made.reason, "someone")
    assert (found.held_at, made.held_at) != (None, None)
    assert release(store, "one").reason == made.reason
    assert objects(store) == before


def test_hold_does_not_change_the_listed_backup(store: FolderStore) -> None:
    (before,) = Catalog(store).backups()
    hold(store, "one", "x", "someone")
    (held,) = Catalog(store).backups()
    assert replace(held, hold=None) == before
    assert held.to_json()["hold"]["reason"] == "x"


def test_second_hold_is_refused_with_the_existing_reason(store: FolderStore) -> None:
    hold(store, "one", "evidence", "someone")
    with pytest.raises(ObjectExists, match=r"held already .evidence.*release"):
        hold(store, "one", "other", "someone else")
    assert release(store, "one").reason == "evidence"


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501, "\x00"])
def test_hold_needs_a_one_line_reason(store: FolderStore, reason: str) -> None:
    with pytest.raises(UsageError, match="--reason"):
        hold(store, "one", reason, "someone")
    assert "daily/app/one.hold.json" not in objects(store)


@pytest.mark.parametrize("backup_id", ["none", "", "../one", "on", "one.manifest.json"])
def test_unknown_backup_cannot_be_held(store: FolderStore, backup_id: str) -> None:
    before = objects(store)
    with pytest.raises(UsageError, match="is no backup"):
        hold(store, backup_id, "x", "someone")
    assert objects(store) == before


def test_release_without_a_hold_is_refused(store: FolderStore) -> None:
    with pytest.raises(UsageError, match="is not held"):
        release(store, "one")


def test_ambiguous_id_needs_the_database(store: FolderStore) -> None:
    put(store, 1, "one", database="other")
    with pytest.raises(UsageError, match="--database"):
        hold(store, "one", "x", "someone")
    assert hold(store, "one", "x", "someone", database="other").backup.database == "other"
    assert release(store, "one").backup.database == "other"


def test_damaged_backup_can_be_held(store: FolderStore) -> None:
    bad = BackupName(Kind.WEEKLY, "app", "bad")
    store.create(bad.manifest, b"{", {})
    assert hold(store, "bad", "x", "someone").backup == bad


def test_hold_without_a_backup_can_be_released(store: FolderStore) -> None:
    hold(store, "one", "x", "someone")
    (Path(store.url) / "daily/app/one.manifest.json").unlink()
    release(store, "one")
    assert "daily/app/one.hold.json" not in objects(store)


def test_hold_fails_if_the_backup_is_deleted_meanwhile(tmp_path: Path, store: FolderStore) -> None:
    class Late(FolderStore):
        def create(self, name, content, metadata):  # type: ignore[no-untyped-def]
            (tmp_path / "store" / "daily/app/one.manifest.json").unlink()
            return super().create(name, content, metadata)

    with pytest.raises(StoreError, match="deleted while it was being held"):
        hold(Late(tmp_path / "store"), "one", "x", "someone")
    assert "daily/app/one.hold.json" not in objects(store)


class Vault(FolderStore):
    """A store with object holds, like a bucket."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.held: set[str] = set()
        self.refuses = False

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        if self.refuses:
            raise StoreError("permission denied")
        assert generation
        self.held = self.held | {name} if held else self.held - {name}


def test_store_with_holds_holds_the_manifest_and_all_artifacts(store: FolderStore) -> None:
    vault = Vault(Path(store.url))
    assert hold(vault, "one", "x", "someone").by_store
    assert {names.parse(name).role for name in vault.held} == {"manifest", "sql", "sqlite"}  # type: ignore[union-attr]
    release(vault, "one")
    assert vault.held == set()


def test_store_refusing_holds_leaves_the_hold_object(store: FolderStore) -> None:
    vault = Vault(Path(store.url))
    vault.refuses = True
    with pytest.raises(StoreError, match=r"held by Litekeep, but not by the store itself.*permission denied"):
        hold(vault, "one", "x", "someone")
    assert "daily/app/one.hold.json" in objects(vault)
    with pytest.raises(StoreError, match="still held"):
        release(vault, "one")
    assert "daily/app/one.hold.json" in objects(vault)
