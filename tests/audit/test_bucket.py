"""The trail in a bucket. The bucket's own times reveal events with a wrong date."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.model.trail_names import BESIDE_TRAIL, TRAIL
from shared.stores import open_store
from shared.stores.gcs_many import AT_ONCE
from tests.audit.conftest import ONE, TWO, Trail, event
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy
from tests.stores.test_gcs_many import Together


@pytest.fixture
def trail(tmp_path: Path, gcs: Proxy, bucket: str) -> Trail:  # noqa: F811
    stores = [open_store(f"gs://{bucket}/{place}") for place in ("main", "copy")]
    return Trail(tmp_path, stores[0], stores[1], now=datetime.now(UTC))


def test_deleted_event_and_backup_in_a_bucket_are_reported(trail: Trail) -> None:
    trail.write(event("backup", ONE), event("verify", ONE))
    assert trail.take().problems == []
    trail.backups.remove(TWO)
    taken = trail.take()
    assert (list(taken.vanished), taken.problems) == ([TWO], [])
    assert [what.split(" at ")[0] for _, what in trail.found()] == ["was gone"]
    item = next(iter(trail.store.list_objects(TRAIL)))
    trail.store.delete(item.name, item.generation)
    assert (item.name, "was removed: it is under checkpoint 1") in trail.found()
    assert [each.what for each in trail.take().problems] == ["is gone since it was under a checkpoint"]


def test_event_with_another_time_than_the_bucket_is_reported(trail: Trail) -> None:
    trail.take()
    trail.later(-0.5)
    trail.write(event())
    trail.later(0.5)
    ((_, what),) = trail.found()
    assert what.startswith("is older than checkpoint 1")
    assert len(trail.take().problems) == 1


def test_listing_from_beside_trail_skips_the_trail(trail: Trail) -> None:
    trail.write(event())
    trail.store.create(ONE.manifest, b"{}", {})
    assert [item.name for item in trail.store.list_objects(start=BESIDE_TRAIL)] == [ONE.manifest]


def test_verification_takes_one_request_per_object_and_listing_page(
    trail: Trail,
    gcs: Proxy,  # noqa: F811
) -> None:
    trail.write(*[event("backup", ONE)] * 20)
    for _ in range(3):
        assert trail.take().problems == []
    before = len(gcs.seen)
    report = trail.check()
    assert (report.ok, report.checkpoints, report.events) == (True, 3, 20)
    asked = gcs.seen[before:]
    media = [seen for seen in asked if seen.is_media]
    events, checkpoints, copies = 20, 3, 3
    assert len(media) == events + checkpoints + copies + 1  # the inventory
    listings = [seen for seen in asked if seen.path.endswith("/o")]
    assert (
        len(listings) == 7
    )  # checkpoints here and in the copy store, events before and after them, three kinds of kept objects
    assert len(asked) == len(media) + len(listings) + 1  # the inventory's metadata, as it is read by its name


def test_recent_checkpoints_are_read_eight_at_once_and_each_once(trail: Trail, gcs: Proxy) -> None:  # noqa: F811
    trail.backups.clear()
    for _ in range(20):
        assert trail.take().problems == []
    together = Together()
    gcs.faults.append(together)
    before = len(gcs.seen)
    assert trail.take().problems == []
    asked = Counter(seen.path for seen in gcs.seen[before:] if seen.is_media and "checkpoints" in seen.path)
    checkpoints = [name for name in asked if name.endswith(".json")]
    assert (len(checkpoints), together.most) == (20, AT_ONCE)
    assert set(asked.values()) == {1}
