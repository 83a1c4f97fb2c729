"""The trail in the copy store: it is verified there alone, when the first store is lost."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.audit.copy import copy_trail
from shared.errors import StoreError
from shared.stores import open_store
from tests.audit.conftest import NOON, ONE, TWO, Trail, event
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy


@pytest.fixture
def alone(day: Trail) -> Trail:
    """The copy store, and nothing else, after a day of work."""
    assert day.copy is not None
    return replace(day, store=day.copy, copy=None)


def copied_events(trail: Trail) -> list[Path]:
    return sorted((trail.folder / "copy/audit").glob("2*/*.json"))


def test_what_the_monitor_copies_is_verified_in_the_copy_store_alone(day: Trail, alone: Trail) -> None:
    report = alone.check()
    assert (report.findings, report.checkpoints, report.events, report.uncovered) == ([], 24, 72, 0)
    event_file = copied_events(day)[5]
    event_file.unlink()
    name = str(event_file.relative_to(day.folder / "copy"))
    assert (name, "was removed: it is under checkpoint 2") in alone.found()


def test_the_trail_goes_on_in_the_copy_store(day: Trail, alone: Trail) -> None:
    alone.write(event("restore", TWO))
    alone.later()
    taken = alone.take()
    assert taken.problems == []
    assert taken.stored is not None
    assert taken.stored.checkpoint.number == 25
    assert alone.check().ok


def test_a_copy_brings_all_that_is_under_a_checkpoint_and_nothing_that_is_not(day: Trail, alone: Trail) -> None:
    """As after an older version, which brought the checkpoints alone; and an event has come since."""
    assert day.copy is not None
    for path in copied_events(day):
        path.unlink()
    for path in (day.folder / "copy/audit/checkpoints").glob("*.backups.json.gz"):
        path.unlink()
    day.write(event("backup", ONE))
    assert not alone.check().ok
    brought = copy_trail(day.store, day.copy)
    assert brought.objects == 72 + 24
    assert brought.size_bytes > 10_000
    report = alone.check()
    assert (report.findings, report.events) == ([], 72)
    assert copy_trail(day.store, day.copy).objects == 0


def test_a_checkpoint_follows_what_it_covers(day: Trail, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "audit").mkdir(parents=True)
    in_the_way = other / "audit" / day.events()[0].parent.name
    in_the_way.write_bytes(b"no folder")
    with pytest.raises(StoreError):
        copy_trail(day.store, open_store(str(other)))
    assert not (other / "audit/checkpoints").exists()
    in_the_way.unlink()
    copy_trail(day.store, open_store(str(other)))
    assert replace(day, store=open_store(str(other)), copy=None).check().ok


def test_a_checkpoint_is_an_anchor_also_where_its_events_cannot_be_copied(trail: Trail) -> None:
    (trail.folder / "copy/audit").mkdir(parents=True)
    (trail.folder / "copy/audit/2024-01-15").write_bytes(b"no folder")
    trail.write(event("backup", ONE))
    taken = trail.take()
    assert taken.uncopied is not None
    assert len(trail.checkpoints("copy")) == 1


def test_a_bucket_that_took_the_copies_later_than_they_are_dated(
    day: Trail,
    gcs: Proxy,  # noqa: F811
    bucket: str,  # noqa: F811
) -> None:
    copy = open_store(f"gs://{bucket}/copy")
    copy_trail(day.store, copy)
    alone = replace(day, store=copy, copy=None)
    assert alone.now == NOON + timedelta(days=1)
    assert alone.found() == []
