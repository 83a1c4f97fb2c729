"""What a cleanup deletes, in which order, and what it keeps."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog.holds import hold
from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.errors import StoreError
from shared.model import names
from shared.model.kinds import Kind
from shared.model.lock_names import UNCHANGED, Unchanged, parse_unchanged
from shared.model.manifest import FORMAT
from shared.model.names import BackupName, Format
from shared.retention.cleanup import clean, preview
from shared.stores.folder import FolderStore
from tests.builders import make_manifest
from tests.retention.cleanup.shelf import POLICY, SIZE, age, ago, fill, ids, objects, objects_of, put, put_aged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> FolderStore:
    return FolderStore(folder)


class Recording(FolderStore):
    """Records deletions in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.deleted: list[str] = []

    def delete(self, name: str, generation: str) -> None:
        super().delete(name, generation)
        self.deleted.append(name)


def test_expired_backups_are_deleted_with_all_their_objects(store: FolderStore) -> None:
    old = fill(store)
    size = sum(item.size_bytes for name in old for item in store.list_objects(name.prefix))
    outcome = clean(store, POLICY)
    assert (outcome.failed, outcome.errors, outcome.attention) == (False, [], [])
    assert outcome.deleted == set(old)
    assert outcome.freed_bytes == size
    assert ids(store) == {"b1", "b2", "b3", "b4", "b5"}
    assert objects_of(store, old) == set()
    assert not any(name.startswith("locks/") for name in objects(store))


def test_preview_shows_the_plan_and_changes_nothing(store: FolderStore) -> None:
    old = fill(store)
    before = objects(store)
    outcome = preview(store, POLICY)
    assert outcome.to_delete == set(old)
    assert sum(outcome.frees(decision) for decision in outcome.plan.decisions) > 3 * 2 * SIZE
    assert objects(store) == before


def test_manifest_is_deleted_first_and_artifacts_last(folder: Path) -> None:
    store = Recording(folder)
    fill(store, old=1)
    clean(store, POLICY)
    deleted = [name for name in store.deleted if name.startswith("daily/")]
    roles = [parsed.role for name in deleted if (parsed := names.parse(name))]
    assert roles == ["manifest", "verdict", "sql", "sqlite"]


def test_newer_backups_are_deleted_before_older_ones(folder: Path) -> None:
    store = Recording(folder)
    old = fill(store)
    clean(store, POLICY)
    assert [name for name in store.deleted if name.endswith(".manifest.json")] == [name.manifest for name in old]


def test_cleanup_can_be_limited_to_one_database(store: FolderStore) -> None:
    fill(store)
    for days in (1, 2, 3, 100):
        put(store, days, f"other{days}", database="other")
    outcome = clean(store, POLICY, database="other")
    assert {name.id for name in outcome.deleted} == {"other100"}


def test_held_backup_is_kept(store: FolderStore) -> None:
    fill(store)
    hold(store, "old1", "incident 42", "someone")
    outcome = clean(store, POLICY)
    assert {name.id for name in outcome.deleted} == {"old0", "old2"}
    assert "incident 42" in next(d.reason for d in outcome.plan.decisions if d.backup.name.id == "old1")


def test_unreadable_hold_still_protects(store: FolderStore) -> None:
    old = fill(store)
    store.create(old[1].hold, b"\xff not json", {})
    assert "old1" not in {name.id for name in clean(store, POLICY).deleted}


def test_deleting_more_than_half_fails_without_force(store: FolderStore) -> None:
    fill(store, young=3, old=4)
    refused = clean(store, POLICY)
    assert refused.failed
    assert refused.deleted == set()
    assert any("--force" in line for line in refused.attention)
    assert len(clean(store, replace(POLICY, force=True)).deleted) == 4


def test_damaged_manifest_is_kept_and_reported(store: FolderStore) -> None:
    fill(store)
    bad = BackupName(Kind.DAILY, "app", "broken")
    store.create(bad.manifest, b"{ not json", {})
    outcome = clean(store, POLICY)
    assert any("broken" in line for line in outcome.attention)
    assert bad.manifest in objects(store)


def test_newer_format_manifest_is_kept_with_backups_it_may_need(store: FolderStore, folder: Path) -> None:
    old = fill(store)
    newer = BackupName(Kind.DAILY, "app", "newer")
    content = json.loads(make_manifest(id="newer", created_at=ago(50)).to_json()) | {
        "format": FORMAT + 1,
        "builds_on": "old0",
    }
    store.create(newer.manifest, json.dumps(content).encode(), {})
    age(folder, newer.manifest, 50)
    outcome = clean(store, POLICY)
    assert outcome.deleted == set()
    assert {name.id for name in old} < ids(store)
    assert any("upgrade Litekeep" in line for line in outcome.attention)


@pytest.mark.parametrize("damage", ["missing", "shortened"])
def test_backup_without_its_artifacts_protects_nothing(store: FolderStore, folder: Path, damage: str) -> None:
    fill(store)
    newest = put(store, 0.5, "hollow")
    artifact = folder / newest.artifact(Format.SQL, encrypted=False)
    artifact.unlink() if damage == "missing" else artifact.write_bytes(b"x")
    outcome = clean(store, POLICY)
    assert outcome.deleted == set()
    assert any("hollow" in line and "artifact" in line for line in outcome.attention)


def test_foreign_objects_are_never_deleted(store: FolderStore, folder: Path) -> None:
    strange = ["daily/app/notes.txt", "other/app/x.sql.gz", "daily/x.sql.gz", "daily/app/deep/x.sql.gz", "health/probe"]
    for name in strange:
        put_aged(folder, store, name, 400)
    fill(store)
    clean(store, POLICY)
    assert set(strange) <= objects(store)


def test_orphans_are_swept_after_a_day_and_not_before(store: FolderStore, folder: Path) -> None:
    fill(store)
    left = BackupName(Kind.DAILY, "app", "left")
    running = BackupName(Kind.DAILY, "app", "running")
    put_aged(folder, store, left.artifact(Format.SQL, encrypted=True), 1.1)
    put_aged(folder, store, left.verdict(ago(1)), 1.1)
    put_aged(folder, store, running.artifact(Format.SQL, encrypted=True), 1.1)
    put_aged(folder, store, running.artifact(Format.SQLITE, encrypted=True), 0.9)
    outcome = clean(store, POLICY)
    assert {names.parse(item.name).role for item in outcome.swept} == {"sql", "verdict"}  # type: ignore[union-attr]
    assert objects_of(store, [left]) == set()
    assert len(objects_of(store, [running])) == 2


def test_orphans_of_a_held_backup_are_kept_and_reported(store: FolderStore, folder: Path) -> None:
    left = BackupName(Kind.DAILY, "app", "left")
    put_aged(folder, store, left.artifact(Format.SQL, encrypted=True), 10)
    put_aged(folder, store, left.hold, 10)
    outcome = clean(store, POLICY)
    assert len(objects_of(store, [left])) == 2
    assert any("left" in line for line in outcome.attention)


def test_orphan_age_uses_the_store_clock(store: FolderStore, folder: Path) -> None:
    """Our clock is a year ahead, so an object stored just now seems a year old."""
    running = BackupName(Kind.DAILY, "app", "running")
    put_aged(folder, store, running.artifact(Format.SQL, encrypted=True), 0.01)
    outcome = clean(store, POLICY, clock=lambda: ago(-365))
    assert outcome.swept == []
    assert len(objects_of(store, [running])) == 1


def test_cleanup_of_an_empty_store_succeeds(store: FolderStore) -> None:
    outcome = clean(store, POLICY)
    assert (outcome.failed, outcome.attention, outcome.kept) == (False, [], 0)


def test_nothing_is_deleted_if_the_store_cannot_be_listed(tmp_path: Path) -> None:
    class Broken(FolderStore):
        def list_objects(self, prefix: str = "", start: str = ""):  # type: ignore[no-untyped-def]
            if prefix:
                yield from super().list_objects(prefix, start)
            else:
                raise StoreError("listing failed")

    store = Broken(tmp_path / "store")
    fill(store)
    before = objects(FolderStore(tmp_path / "store"))
    with pytest.raises(StoreError, match="listing failed"):
        clean(store, POLICY)
    assert objects(FolderStore(tmp_path / "store")) == before


@pytest.mark.parametrize("off", [timedelta(days=365), timedelta(days=-365)])
def test_clock_a_year_off_deletes_nothing(store: FolderStore, off: timedelta) -> None:
    for days in range(8):
        put(store, days)
    before = ids(store)
    outcome = clean(store, replace(POLICY, force=True), clock=lambda: ago(0) + off)
    assert ids(store) == before
    assert outcome.attention != []


def test_tampered_manifest_metadata_deletes_nothing(store: FolderStore) -> None:
    """A bucket's listing has the metadata of a manifest, which an identity that may update objects can change."""
    name = put(store, 2, "victim")
    fill(store)

    class Lying(FolderStore):
        def list_objects(self, prefix: str = "", start: str = ""):  # type: ignore[no-untyped-def]
            for item in super().list_objects(prefix, start):
                if item.name == name.manifest:
                    (backup,) = [b for b in Catalog(store).backups() if b.name == name]
                    lie = backup.summary.to_json() | {
                        "created_at": "2020-01-01T00:00:00Z",
                        "keep_until": "2020-02-01T00:00:00Z",
                    }
                    yield replace(item, metadata={"litekeep-summary": json.dumps(lie)})
                else:
                    yield item

    outcome = clean(Lying(Path(store.url)), POLICY)
    assert "victim" in ids(store)
    assert any("victim" in line and "metadata" in line for line in outcome.errors)


def test_unchanged_marks_are_deleted_after_a_month(store: FolderStore, folder: Path) -> None:
    newest = put(store, 1)
    for days in (0, 29, 31, 400):
        mark = Unchanged(newest, ago(days))
        store.create(mark.object, b"{}", {})
        age(folder, mark.object, days)
    clean(store, POLICY)
    left = [mark for item in store.list_objects(UNCHANGED) if (mark := parse_unchanged(item.name))]
    assert sorted((utc_now() - mark.at).days for mark in left) == [0, 29]
