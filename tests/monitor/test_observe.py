"""Observation of real stores: sizes, rows, verdicts, copies, drills, and stores that fail."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from shared.clock import utc_now
from shared.errors import KeyProblem, StoreError
from shared.events.log import Event
from shared.keys import WrappingKey, open_key
from shared.model.kinds import Kind
from shared.model.names import BackupName, Format, automatic_id
from shared.model.report_names import DrillName
from shared.monitor.judge import judge
from shared.monitor.listing import Listing
from shared.monitor.observe import observe, survey
from shared.monitor.probes import probe_key, probe_store
from shared.monitor.status import status_of
from shared.stores import Store, open_store
from shared.stores.folder import FolderStore
from tests.builders import make_artifact, make_manifest
from tests.calls import calls_of
from tests.retention.cleanup.shelf import put
from tests.servers.gcs.proxy import Proxy


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def copy(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "copy")


def observed(store: Store, copy: Store | None = None, **changes: object) -> Listing:
    found, _ = observe(
        store,
        utc_now(),
        copy_store=(lambda: copy) if copy else None,
        copy_url=copy.url if copy else None,
        **changes,  # type: ignore[arg-type]
    )
    return found


def found_in(store: Store, copy: Store | None = None) -> list[Event]:
    return [finding.event for finding in judge(observed(store, copy), {}, utc_now())]


def test_observation_reads_the_listing_and_the_newest_manifests(store: FolderStore) -> None:
    for days in (1, 2, 3):
        put(store, days, row_counts={"users": days}, rows=days)
    own = observed(store).databases["app"]
    assert [seen.rows for seen in own] == [1, 2, 3]
    assert [seen.row_counts for seen in own] == [{"users": 1}, {"users": 2}, None]
    assert own[0].sizes == {"sql": 10, "sqlite": 10}
    assert own[0].verified is True
    assert own[0].verified_at is not None
    assert own[0].kept_for == timedelta(days=30)


def test_copy_counts_only_if_complete(store: FolderStore, copy: FolderStore) -> None:
    name = put(store, 1, "b")
    put(copy, 1, "b")
    for item in copy.list_objects(name.manifest):
        copy.delete(item.name, item.generation)
    assert found_in(store, copy) == [Event.MONITOR_COPY_BEHIND]
    with store.open(name.manifest) as manifest:
        copy.create(name.manifest, manifest.read(), {})
    assert found_in(store, copy) == []
    for item in copy.list_objects(name.artifact(Format.SQL, encrypted=False)):
        copy.delete(item.name, item.generation)
    assert found_in(store, copy) == [Event.MONITOR_COPY_BEHIND]


def test_unreachable_copy_store_is_reported_and_the_rest_is_judged(store: FolderStore, tmp_path: Path) -> None:
    put(store, 1, verified=False)
    gone = FolderStore(tmp_path / "no" / "where")
    assert sorted(found_in(store, gone)) == [Event.MONITOR_FAILED, Event.MONITOR_NOT_GOOD]


def test_missing_artifact_and_newer_format_are_reported_as_bad(store: FolderStore) -> None:
    name = put(store, 1)
    for item in store.list_objects(name.artifact(Format.SQL, encrypted=False)):
        store.delete(item.name, item.generation)
    newer = BackupName(Kind.DAILY, "app", "newer")
    store.create(newer.manifest, json.dumps({"format": 99}).encode(), {})
    put(store, 0.5)
    problems = [finding.message for finding in judge(observed(store), {}, utc_now())]
    assert len(problems) == 2
    assert any("is missing" in problem for problem in problems)
    assert any("upgrade Litekeep" in problem for problem in problems)


def test_drill_result_is_read_from_the_report_name(store: FolderStore) -> None:
    put(store, 1)
    held = datetime(2024, 1, 7, 3, tzinfo=UTC)
    store.create(DrillName("app", held, passed=True).report, b"{}", {})
    store.create(DrillName("app", held + timedelta(days=1), passed=False).report, b"{}", {})
    assert observed(store).last_drill("app", utc_now()) == held


def test_expected_databases_are_listed_and_one_can_be_selected(store: FolderStore) -> None:
    put(store, 1)
    put(store, 1, database="other")
    assert set(observed(store, expected=["third"]).databases) == {"app", "other", "third"}
    assert set(observed(store, expected=["third"], only="other").databases) == {"other"}
    assert set(observed(store, only="fourth").databases) == {"fourth"}


def test_one_survey_serves_several_observations(store: FolderStore, copy: FolderStore) -> None:
    put(store, 1)
    surveyed = survey(store, utc_now(), lambda: copy, copy.url)
    before = dict(surveyed.inventory.backups)
    name = next(iter(before))
    (Path(store.url) / name.manifest).unlink()

    observed = partial(observe, store, utc_now(), open_key=lambda: None)
    _, inventory = observed(surveyed=surveyed.copied())
    assert inventory.backups[name].missing == "it was removed meanwhile"
    assert surveyed.inventory.backups == before, "the copy alone was updated"
    listing, _ = observed(surveyed=surveyed, listing_alone=True)
    assert [seen.in_copy for seen in listing.databases["app"]] == [False], "no store is listed again"


def test_store_that_cannot_be_listed_raises(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        observed(FolderStore(tmp_path / "no" / "where"))


def test_bucket_observation_takes_one_listing_and_two_manifests(gcs: Proxy, bucket: str) -> None:
    store = open_store(f"gs://{bucket}")
    for number in range(6):
        put(store, number + 1, f"b{number}", row_counts={"t": 3})
    before = len(gcs.seen)
    own = observed(store).databases["app"]
    asked = gcs.seen[before:]
    assert [seen.name.id for seen in own] == [f"b{number}" for number in range(6)]
    listings = [request for request in asked if "/o?" in request.target]
    assert (len(listings), "maxResults=1000" in listings[0].target) == (1, True)
    assert {request.target.split("?")[0].rsplit("%2F", 1)[-1] for request in asked if request not in listings} == {
        "b0.manifest.json",
        "b1.manifest.json",
    }


def test_status_work_grows_linearly_with_backups(tmp_path: Path) -> None:
    """Four times as many backups make at most 4.4 times as many calls. Benchmarks measure the time."""

    def read_status(root: Path, count: int) -> None:
        listing = observed(FolderStore(root))
        status_of("app", listing, None, utc_now())
        assert len(listing.databases["app"]) == count

    calls = {}
    for count in (500, 2000):
        _fill(tmp_path / str(count), count)
        calls[count] = calls_of(partial(read_status, tmp_path / str(count), count))
    assert calls[2000] < 4.4 * calls[500]


def _fill(root: Path, count: int) -> None:
    now = utc_now()
    for number in range(count):
        taken = now - timedelta(minutes=5 * number)
        name = BackupName(Kind.CONTINUOUS, "app", automatic_id(taken))
        artifact = make_artifact(name)
        fields = {"id": name.id, "database": "app", "kind": name.kind, "created_at": taken, "artifacts": [artifact]}
        path = root / name.manifest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_manifest(**fields, keep_until=taken + timedelta(days=7)).to_json())
        (root / artifact.object).write_bytes(b"x" * 10)


def test_missing_key_is_unusable_and_no_key_is_fine(tmp_path: Path) -> None:
    (finding,) = probe_key(lambda: open_key(f"file:{tmp_path / 'no.key'}"))
    assert finding.event is Event.MONITOR_KEY_UNUSABLE
    assert probe_key(lambda: None) == []


def test_probe_needs_only_wrapping_and_reports_a_refusal() -> None:
    class Wraps:
        name = "key"

        def wrap(self, secret: bytes, context: bytes) -> bytes:
            return b"wrapped"

        def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
            raise KeyProblem("permission denied")

    class Refuses(Wraps):
        def wrap(self, secret: bytes, context: bytes) -> bytes:
            raise KeyProblem("the key version is disabled: enable it")

    def opened(key: WrappingKey) -> list[Event]:
        return [finding.event for finding in probe_key(lambda: key)]

    assert opened(Wraps()) == []
    assert opened(Refuses()) == [Event.MONITOR_KEY_UNUSABLE]


def test_unwritable_store_is_reported_and_the_probe_leaves_no_object(store: FolderStore, tmp_path: Path) -> None:
    assert probe_store(lambda: store, store.url) == []
    assert list(store.list_objects("")) == []
    gone = FolderStore(tmp_path / "no" / "where")
    (finding,) = probe_store(lambda: gone, gone.url)
    assert (finding.event, finding.fields["store"]) == (Event.MONITOR_STORE_UNWRITABLE, gone.url)
