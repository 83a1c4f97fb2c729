"""Cleanup and holds in a bucket, with Google's own client and a local Cloud Storage server."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.catalog.holds import hold, release
from shared.errors import StoreError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.retention.cleanup import clean, preview
from shared.stores.gcs import BucketStore, Patience
from tests.retention.cleanup.shelf import POLICY, ago, ids, objects_of, put
from tests.servers.gcs.proxy import Change, Proxy, Refuse, Seen, holding

# A bucket sets the dates of its objects, so all are new. Here daily backups expire at once, weekly ones do not.
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


def test_expired_backups_are_deleted(store: BucketStore, old: list[BackupName]) -> None:
    outcome = clean(store, AT_ONCE)
    assert (outcome.errors, outcome.attention) == ([], [])
    assert outcome.deleted == set(old)
    assert objects_of(store, old) == set()
    assert ids(store) == {"b1", "b2", "b3"}


def test_retention_starts_when_the_bucket_stored_it(store: BucketStore, old: list[BackupName]) -> None:
    """The backup was just taken by a machine whose clock was months behind."""
    assert preview(store, AT_ONCE).to_delete == set(old)
    assert preview(store, POLICY).to_delete == set()


def test_clock_unlike_the_bucket_clock_stops_the_cleanup(store: BucketStore, old: list[BackupName]) -> None:
    for off in (timedelta(hours=1), timedelta(hours=-1), timedelta(days=365)):
        with pytest.raises(StoreError, match="set the clock; nothing was deleted"):
            clean(store, AT_ONCE, clock=lambda off=off: ago(0) + off)  # type: ignore[misc]
    assert {name.id for name in old} < ids(store)
    assert clean(store, AT_ONCE).deleted == set(old)


def test_bucket_retention_policy_is_reported_and_cleanup_continues(
    gcs: Proxy, store: BucketStore, old: list[BackupName]
) -> None:
    gcs.faults.append(Refuse(lambda seen: deletes(seen, "old0.manifest"), 403, reason="retentionPolicyNotMet"))
    outcome = clean(store, AT_ONCE)
    assert outcome.deleted == {old[1]}
    (error,) = outcome.errors
    assert "old0" in error
    assert "retention policy" in error
    assert "old0" in ids(store)


def test_planning_takes_one_request_per_thousand_objects(gcs: Proxy, store: BucketStore, old: list[BackupName]) -> None:
    gcs.seen.clear()
    preview(store, AT_ONCE)
    assert len(gcs.seen) == 1


def test_hold_sets_temporary_holds_in_the_bucket(gcs: Proxy, store: BucketStore, old: list[BackupName]) -> None:
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


def test_bucket_that_ignores_a_hold_is_detected(store: BucketStore, old: list[BackupName]) -> None:
    """The server of these tests ignores holds by default."""
    with pytest.raises(StoreError, match="did not apply it"):
        hold(store, "old0", "incident 42", "someone")


def test_hold_without_update_permission_names_the_permission(
    gcs: Proxy, store: BucketStore, old: list[BackupName]
) -> None:
    gcs.faults.append(Refuse(lambda seen: seen.method == "PATCH", 403, times=9))
    with pytest.raises(StoreError, match=r"held by Litekeep, but not by the store itself.*storage\.objects\.update"):
        hold(store, "old0", "incident 42", "someone")
    assert clean(store, AT_ONCE).deleted == {old[1]}
