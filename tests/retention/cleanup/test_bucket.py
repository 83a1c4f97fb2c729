"""Cleanup and holds in a bucket: Google's own client against a Cloud Storage on this machine."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.catalog.holds import hold, release
from shared.errors import StoreError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.retention import clean, preview
from shared.stores.gcs import BucketStore, Patience
from tests.retention.cleanup.shelf import POLICY, ago, ids, objects_of, put
from tests.servers.gcs.proxy import Change, Proxy, Refuse, Seen, holding

# A bucket dates what it stores by itself, so everything in it is new: dailies are over at once here, weeklies are not.
AT_ONCE = replace(POLICY, lengths={**POLICY.lengths, Kind.DAILY: timedelta(0)})


@pytest.fixture
def store(gcs: Proxy, bucket: str) -> BucketStore:
    return BucketStore(bucket, patience=Patience(first_delay=0.01, request=2, chunk=2))


@pytest.fixture
def old(store: BucketStore) -> list[BackupName]:
    for days in (1, 2, 3):
        put(store, days, kind=Kind.WEEKLY)
    return [put(store, 100 + number, f"old{number}") for number in range(2)]


def deletes(seen: Seen, part: str) -> bool:
    return seen.method == "DELETE" and part in seen.path


def test_what_is_past_its_time_goes(store: BucketStore, old: list[BackupName]) -> None:
    outcome = clean(store, AT_ONCE)
    assert (outcome.errors, outcome.attention) == ([], [])
    assert outcome.deleted == set(old)
    assert objects_of(store, old) == set()
    assert ids(store) == {"b1", "b2", "b3"}


def test_time_runs_from_when_the_bucket_stored_it(store: BucketStore, old: list[BackupName]) -> None:
    """A machine whose clock was months behind took it just now."""
    assert preview(store, AT_ONCE).going == set(old)
    assert preview(store, POLICY).going == set()


def test_a_clock_that_is_not_the_buckets_stops_it(store: BucketStore, old: list[BackupName]) -> None:
    for off in (timedelta(hours=1), timedelta(hours=-1), timedelta(days=365)):
        with pytest.raises(StoreError, match="set the clock; nothing was deleted"):
            clean(store, AT_ONCE, clock=lambda off=off: ago(0) + off)  # type: ignore[misc]
    assert {name.id for name in old} < ids(store)
    assert clean(store, AT_ONCE).deleted == set(old)


def test_a_retention_policy_of_the_bucket_is_reported_and_the_run_goes_on(
    gcs: Proxy, store: BucketStore, old: list[BackupName]
) -> None:
    gcs.faults.append(Refuse(lambda seen: deletes(seen, "old0.manifest"), 403, reason="retentionPolicyNotMet"))
    outcome = clean(store, AT_ONCE)
    assert outcome.deleted == {old[1]}
    (error,) = outcome.errors
    assert "old0" in error
    assert "retention policy" in error
    assert "old0" in ids(store)


def test_planning_takes_one_request_a_thousand_objects(gcs: Proxy, store: BucketStore, old: list[BackupName]) -> None:
    gcs.seen.clear()
    preview(store, AT_ONCE)
    assert len(gcs.seen) == 1


def test_the_bucket_holds_what_is_held(gcs: Proxy, store: BucketStore, old: list[BackupName]) -> None:
    gcs.seen.clear()
    gcs.faults.append(Change(lambda seen: b"true" in seen.body and seen.method == "PATCH", holding, times=9))
    assert hold(store, "old0", "incident 42", "someone").by_store
    patches = [seen for seen in gcs.seen if seen.method == "PATCH"]
    assert sorted(seen.path.rsplit(".old0", 1)[-1].rsplit("old0.", 1)[-1] for seen in patches) == [
        "manifest.json", "sql.gz", "sqlite.zst",
    ]  # fmt: skip
    assert all(json.loads(seen.body) == {"temporaryHold": True} for seen in patches)
    assert all(seen.query["ifGenerationMatch"] == seen.query["generation"] for seen in patches)
    assert clean(store, AT_ONCE).deleted == {old[1]}
    release(store, "old0")
    assert clean(store, AT_ONCE).deleted == {old[0]}


def test_a_bucket_that_takes_the_request_and_holds_nothing_is_found_out(
    store: BucketStore, old: list[BackupName]
) -> None:
    """As the server of these tests does, by itself."""
    with pytest.raises(StoreError, match="did not apply it"):
        hold(store, "old0", "incident 42", "someone")


def test_who_may_not_update_objects_is_told_what_is_missing(
    gcs: Proxy, store: BucketStore, old: list[BackupName]
) -> None:
    gcs.faults.append(Refuse(lambda seen: seen.method == "PATCH", 403, times=9))
    with pytest.raises(StoreError, match=r"held by Litekeep, but not by the store itself.*storage\.objects\.update"):
        hold(store, "old0", "incident 42", "someone")
    assert clean(store, AT_ONCE).deleted == {old[1]}
