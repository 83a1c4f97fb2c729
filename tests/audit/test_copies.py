"""The trail in the copy store can be verified without the first store."""

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
    """Only the copy store, after a day of work."""
    assert day.copy is not None
    return replace(day, store=day.copy, copy=None)


def copied_events(trail: Trail) -> list[Path]:
    return sorted((trail.folder / "copy/audit").glob("2*/*.json"))


def test_monitors_copy_verifies_without_the_first_store(day: Trail, alone: Trail) -> None:
    report = alone.check()
    assert (report.findings, report.checkpoints, report.events, report.uncovered) == ([], 24, 72, 0)
    event_file = copied_events(day)[5]
    event_file.unlink()
    name = str(event_file.relative_to(day.folder / "copy"))
    assert (name, "was removed: it is under checkpoint 2") in alone.found()


def test_trail_continues_in_the_copy_store(day: Trail, alone: Trail) -> None:
    alone.write(event("restore", TWO))
    alone.later()
    taken = alone.take()
    assert taken.problems == []
    assert taken.stored is not None
    assert taken.stored.checkpoint.number == 25
    assert alone.check().ok


def test_copy_contains_exactly_the_covered_events(day: Trail, alone: Trail) -> None:
    """The copy store has checkpoints only, as an older version left it, and one event is newer than all of them."""
    assert day.copy is not None
    for path in copied_events(day):
        path.unlink()
    for path in (day.folder / "copy/audit/checkpoints").glob("*.backups.json.gz"):
        path.unlink()
    day.write(event("backup", ONE))
    assert not alone.check().ok
    copied = copy_trail(day.store, day.copy)
    assert copied.objects == 72 + 24
    assert copied.size_bytes > 10_000
    report = alone.check()
    assert (report.findings, report.events) == ([], 72)
    assert copy_trail(day.store, day.copy).objects == 0


def test_checkpoint_is_copied_after_the_events_it_covers(day: Trail, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "audit").mkdir(parents=True)
    in_the_way = other / "audit" / day.events()[0].parent.name
    in_the_way.write_bytes(b"no folder")
    with pytest.raises(StoreError):
        copy_trail(day.store, open_store(str(other)))
    assert not list((other / "audit/checkpoints").glob("*.json"))  # inventories may be there already
    in_the_way.unlink()
    copy_trail(day.store, open_store(str(other)))
    assert replace(day, store=open_store(str(other)), copy=None).check().ok


def test_checkpoint_is_copied_even_if_its_events_cannot_be(trail: Trail) -> None:
    (trail.folder / "copy/audit").mkdir(parents=True)
    (trail.folder / "copy/audit/2024-01-15").write_bytes(b"no folder")
    trail.write(event("backup", ONE))
    taken = trail.take()
    assert taken.uncopied is not None
    assert len(trail.checkpoints("copy")) == 1


def test_copy_in_a_bucket_with_later_object_times_verifies(
    day: Trail,
    gcs: Proxy,  # noqa: F811
    bucket: str,  # noqa: F811
) -> None:
    copy = open_store(f"gs://{bucket}/copy")
    copy_trail(day.store, copy)
    alone = replace(day, store=copy, copy=None)
    assert alone.now == NOON + timedelta(days=1)
    assert alone.found() == []
