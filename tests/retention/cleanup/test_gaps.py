"""A store that loses a page of a listing: no kept backup is deleted, and the loss is reported."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog.holds import hold
from shared.clock import utc_now
from shared.events.log import Event
from shared.model.kinds import Kind
from shared.model.names import BackupName, Format
from shared.monitor.listing_check import check_listing
from shared.retention.cleanup import clean, preview
from shared.retention.gaps import missing_from_listing
from shared.retention.inventory import take_inventory
from shared.stores import StoredObject
from shared.stores.folder import FolderStore
from shared.stores.gcs import BucketStore, Patience
from tests.retention.cleanup.shelf import POLICY, age, fill, objects, objects_of, put, put_aged
from tests.retention.cleanup.test_at_once import Lossy
from tests.retention.cleanup.test_bucket import AT_ONCE
from tests.servers.gcs.proxy import Answer, Change, Proxy, Seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> FolderStore:
    """A store whose objects are all old enough to count as orphans."""
    store = FolderStore(folder)
    fill(store)
    hold(store, "old1", "evidence", "someone")
    for name in objects(store):
        age(folder, name, 50)
    return store


def lines_on_gaps(lines: list[str]) -> list[str]:
    return [line for line in lines if "left out" in line]


def without(lost: Callable[[str], bool]) -> Callable[[Answer], Answer]:
    """Remove the objects `lost` from the answer to a listing."""

    def change(answer: Answer) -> Answer:
        document = json.loads(answer.body)
        document["items"] = [item for item in document.get("items", []) if not lost(item["name"])]
        body = json.dumps(document).encode()
        return Answer(answer.status, {**answer.headers, "content-length": str(len(body))}, body)

    return change


def lists_all(seen: Seen) -> bool:
    return seen.method == "GET" and seen.path.endswith("/o") and not seen.query.get("prefix")


def test_manifests_missing_from_listings_are_reported_and_artifacts_kept(store: FolderStore, folder: Path) -> None:
    before = objects(store)
    for outcome in (preview(Lossy(folder, _is_manifest), POLICY), clean(Lossy(folder, _is_manifest), POLICY)):
        (line,) = lines_on_gaps(outcome.attention)
        assert "b1.manifest.json and 7 more" in line
        assert outcome.swept == []
    assert objects(store) == before


@pytest.mark.parametrize("number", [1, 2])
def test_page_missing_from_one_listing_is_reported(store: FolderStore, folder: Path, number: int) -> None:
    lossy = Lossy(folder, lambda item: "/b2." in item.name or "/b3." in item.name, number)
    outcome = clean(lossy, POLICY)
    (line,) = lines_on_gaps(outcome.attention)
    assert "and 7 more" in line
    assert {name.id for name in outcome.deleted} <= {"old0", "old2"}


def test_artifact_missing_from_listings_is_reported(store: FolderStore, folder: Path) -> None:
    hidden = BackupName(Kind.DAILY, "app", "b1").artifact(Format.SQLITE, encrypted=False)
    outcome = clean(Lossy(folder, lambda item: item.name == hidden), POLICY)
    assert any(hidden in line for line in lines_on_gaps(outcome.attention))
    assert outcome.deleted == set()


def test_manifest_stored_after_the_listing_is_not_reported(folder: Path) -> None:
    store = FolderStore(folder)
    put(store, 0.001, "new")
    without = take_inventory(Lossy(folder, _is_manifest))
    assert [name.id for name in without.strays] == ["new"]
    assert missing_from_listing(store, without, before=utc_now()) == []


def test_deleted_and_new_objects_are_not_reported_as_missing(store: FolderStore, folder: Path) -> None:
    running, left = (BackupName(Kind.DAILY, "app", one) for one in ("running", "left"))
    store.create(running.artifact(Format.SQL, encrypted=True), b"x", {})
    put_aged(folder, store, left.artifact(Format.SQL, encrypted=True), 3)
    (folder / BackupName(Kind.DAILY, "app", "b5").artifact(Format.SQL, encrypted=False)).unlink()
    earlier = take_inventory(store)
    put(store, 0.001, "new")
    assert missing_from_listing(store, earlier, store.list_objects(""), before=utc_now() - timedelta(minutes=10)) == []
    assert lines_on_gaps(clean(store, POLICY).attention) == []


def test_foreign_object_name_in_a_manifest_is_not_read(folder: Path) -> None:
    class Asked(FolderStore):
        def open(self, name, generation=None):  # type: ignore[no-untyped-def]
            assert ".." not in name
            return super().open(name, generation)

        def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
            for item in super().list_objects(prefix, start):
                metadata = {"litekeep-summary": summary} if item.name.endswith("manifest.json") else {}
                yield StoredObject(item.name, item.size_bytes, item.created_at, item.generation, metadata)

    made = put(FolderStore(folder), 1, "a")
    hostile = {"format": "sql", "object": "../../etc/x", "size_bytes": 1, "sha256": "a" * 64, "encrypted": False}
    text = {"created_at": "2024-01-15T00:00:00Z", "keep_until": "2024-01-16T00:00:00Z", "schema_version": "0"}
    summary = json.dumps(text | {"tables": 1, "rows": 1, "good": True, "artifacts": [hostile]})
    found = take_inventory(Asked(folder))
    assert found.backups[made].artifacts[0].object == "../../etc/x"
    assert missing_from_listing(Asked(folder), found, before=utc_now()) == []


def test_monitor_reports_an_incomplete_listing(store: FolderStore, folder: Path) -> None:
    now = utc_now()
    lossy = Lossy(folder, lambda item: "/b1." in item.name, 1)
    (found,) = check_listing(lossy, take_inventory(lossy), now)
    assert (found.event, found.fields) == (Event.MONITOR_FAILED, {"store": str(folder)})
    assert "b1.manifest.json and 3 more" in found.message
    assert check_listing(store, take_inventory(store), now) == []


def test_lost_page_of_a_bucket_listing_deletes_nothing(
    gcs: Proxy, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.retention.gaps.LEFT_FOR", timedelta(0))  # the dates of a bucket's objects cannot be set
    store = BucketStore(bucket, patience=Patience(first_delay=0.01, request=2, chunk=2))
    for days in (1, 2, 3):
        put(store, days, kind=Kind.WEEKLY)
    old = [put(store, 100 + number, f"old{number}") for number in range(2)]
    before = objects(store)
    lost = without(lambda name: re.search(r"old\d\.manifest", name) is not None)
    gcs.faults.append(Change(lists_all, lost, times=2))
    outcome = clean(store, AT_ONCE)
    (line,) = lines_on_gaps(outcome.attention)
    assert "old0.manifest.json and 1 more" in line
    assert objects(store) == before
    assert clean(store, AT_ONCE).deleted == set(old)
    assert objects_of(store, old) == set()


def _is_manifest(item: StoredObject) -> bool:
    return item.name.endswith(".manifest.json")
