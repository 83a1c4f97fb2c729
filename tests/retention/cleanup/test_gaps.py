"""A store that loses a page of a listing: nothing that should live goes, and the output says what happened."""

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
from shared.monitor.again import look_again
from shared.retention import clean, preview
from shared.retention.gaps import left_out
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
    """Everything in it is old enough to be taken for what a killed run left."""
    store = FolderStore(folder)
    fill(store)
    hold(store, "old1", "evidence", "someone")
    for name in objects(store):
        age(folder, name, 50)
    return store


def lines_on_gaps(lines: list[str]) -> list[str]:
    return [line for line in lines if "left out" in line]


def pages_from(lost: Callable[[str], bool]) -> Callable[[Answer], Answer]:
    """The answer to a listing, without the objects whose names `lost` says."""

    def change(answer: Answer) -> Answer:
        document = json.loads(answer.body)
        document["items"] = [item for item in document.get("items", []) if not lost(item["name"])]
        body = json.dumps(document).encode()
        return Answer(answer.status, {**answer.headers, "content-length": str(len(body))}, body)

    return change


def lists_all(seen: Seen) -> bool:
    return seen.method == "GET" and seen.path.endswith("/o") and not seen.query.get("prefix")


def test_manifests_that_no_listing_shows_are_missed_and_their_artifacts_stay(store: FolderStore, folder: Path) -> None:
    before = objects(store)
    for outcome in (preview(Lossy(folder, _is_manifest), POLICY), clean(Lossy(folder, _is_manifest), POLICY)):
        (line,) = lines_on_gaps(outcome.attention)
        assert "b1.manifest.json and 7 more" in line
        assert outcome.swept == []
    assert objects(store) == before


@pytest.mark.parametrize("number", [1, 2])
def test_a_page_that_one_of_two_listings_lost_is_told(store: FolderStore, folder: Path, number: int) -> None:
    lossy = Lossy(folder, lambda item: "/b2." in item.name or "/b3." in item.name, number)
    outcome = clean(lossy, POLICY)
    (line,) = lines_on_gaps(outcome.attention)
    assert "and 7 more" in line
    assert {name.id for name in outcome.deleted} <= {"old0", "old2"}


def test_an_artifact_that_no_listing_shows_is_missed(store: FolderStore, folder: Path) -> None:
    hidden = BackupName(Kind.DAILY, "app", "b1").artifact(Format.SQLITE, encrypted=False)
    outcome = clean(Lossy(folder, lambda item: item.name == hidden), POLICY)
    assert any(hidden in line for line in lines_on_gaps(outcome.attention))
    assert outcome.deleted == set()


def test_a_backup_whose_manifest_comes_a_moment_later_is_no_gap(folder: Path) -> None:
    store = FolderStore(folder)
    put(store, 0.001, "new")
    without = take_inventory(Lossy(folder, _is_manifest))
    assert [name.id for name in without.strays] == ["new"]
    assert left_out(store, without, before=utc_now()) == []


def test_what_is_really_gone_or_is_just_being_made_is_no_gap(store: FolderStore, folder: Path) -> None:
    running, left = (BackupName(Kind.DAILY, "app", one) for one in ("running", "left"))
    store.create(running.artifact(Format.SQL, encrypted=True), b"x", {})
    put_aged(folder, store, left.artifact(Format.SQL, encrypted=True), 3)
    (folder / BackupName(Kind.DAILY, "app", "b5").artifact(Format.SQL, encrypted=False)).unlink()
    earlier = take_inventory(store)
    put(store, 0.001, "new")
    assert left_out(store, earlier, store.list_objects(""), before=utc_now() - timedelta(minutes=10)) == []
    assert lines_on_gaps(clean(store, POLICY).attention) == []


def test_a_name_in_a_manifest_that_is_not_its_own_is_not_asked_for(folder: Path) -> None:
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
    assert left_out(Asked(folder), found, before=utc_now()) == []


def test_the_monitor_says_that_a_listing_was_not_whole(store: FolderStore, folder: Path) -> None:
    now = utc_now()
    lossy = Lossy(folder, lambda item: "/b1." in item.name, 1)
    (found,) = look_again(lossy, take_inventory(lossy), now)
    assert (found.event, found.fields) == (Event.MONITOR_FAILED, {"store": str(folder)})
    assert "b1.manifest.json and 3 more" in found.message
    assert look_again(store, take_inventory(store), now) == []


def test_a_bucket_that_loses_a_page_costs_nothing(gcs: Proxy, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.retention.gaps.LEFT_FOR", timedelta(0))  # a bucket's objects cannot be made to look old
    store = BucketStore(bucket, patience=Patience(first_delay=0.01, request=2, chunk=2))
    for days in (1, 2, 3):
        put(store, days, kind=Kind.WEEKLY)
    old = [put(store, 100 + number, f"old{number}") for number in range(2)]
    before = objects(store)
    lost = pages_from(lambda name: re.search(r"old\d\.manifest", name) is not None)
    gcs.faults.append(Change(lists_all, lost, times=2))
    outcome = clean(store, AT_ONCE)
    (line,) = lines_on_gaps(outcome.attention)
    assert "old0.manifest.json and 1 more" in line
    assert objects(store) == before
    assert clean(store, AT_ONCE).deleted == set(old)
    assert objects_of(store, old) == set()


def _is_manifest(item: StoredObject) -> bool:
    return item.name.endswith(".manifest.json")
