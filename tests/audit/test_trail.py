"""Events are stored as numbered, chained objects, and can be searched."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.read import read_entries
from shared.audit.search import Filter, search
from shared.errors import StoreError
from shared.model.trail_names import TRAIL, EventName, parse_checkpoint, parse_event, parse_inventory
from shared.stores.folder import FolderStore
from tests.audit.conftest import NOON, ONE, TWO, Trail, event

DAWN, DUSK = (datetime(year, 1, 1) for year in (1000, 9999))  # noqa: DTZ001 - hypothesis adds no zone by itself


class RefusingStore(FolderStore):
    """A store that refuses every write."""

    refuses = True

    def create(self, name: str, *rest: Any) -> Any:
        if self.refuses:
            raise StoreError("store takes nothing")
        return super().create(name, *rest)


def test_event_object_contains_the_hash_of_the_writers_previous_event(trail: Trail) -> None:
    trail.write(event("backup", ONE), event("verify", ONE))
    entries = list(read_entries(trail.store, trail.store.list_objects(TRAIL)))
    assert [entry.event for entry in entries] == [event("backup", ONE), event("verify", ONE)]
    assert [entry.previous for entry in entries] == [None, entries[0].sha256]
    assert [entry.name.number for entry in entries] == [1, 2]
    assert len({entry.name.writer for entry in entries}) == 1
    assert entries[0].object.startswith("audit/2024-01-15/20240115T120000000000Z.")


def test_failing_store_is_reported_once_a_minute_and_leaves_a_numbering_gap(trail: Trail, tmp_path: Path) -> None:
    store = RefusingStore(tmp_path / "store")
    writer = trail.writer(store)
    assert [writer.write(event()), writer.write(event())] == ["store takes nothing", None]
    trail.later()
    assert writer.write(event()) == "store takes nothing"
    store.refuses = False
    trail.later()
    assert writer.write(event()) is None
    assert [parse_event(item.name).number for item in store.list_objects(TRAIL)] == [4]  # type: ignore[union-attr]
    trail.take()
    ((_, what),) = trail.found()
    assert what == "an event of this writer is missing: removed, or never stored"


@given(st.datetimes(min_value=DAWN, max_value=DUSK), st.integers(1, 10**9 - 1))
def test_event_name_round_trip(at: datetime, number: int) -> None:
    name = EventName(at.replace(tzinfo=NOON.tzinfo), "abcdefghijkm", number)
    assert parse_event(name.object) == name


@pytest.mark.parametrize(
    "name",
    [
        "audit/2024-01-15/20240116T120000000000Z.abcdefghijkm.000001.json",
        "audit/2024-01-15/20240115T120000000000Z.abcdefghijkm.000000.json",
        "audit/2024-01-15/20240115T120000000000Z.abcdefghijkm.1.json",
        "audit/2024-13-15/20241315T120000000000Z.abcdefghijkm.000001.json",
        "audit/2024-01-15/20240115T120000000000Z.ABC.000001.json",
        "audit/checkpoints/00000001.json",
        "audit/x",
    ],
)
def test_other_names_are_not_events(name: str) -> None:
    assert parse_event(name) is None


def test_checkpoint_and_inventory_names_are_parsed() -> None:
    assert parse_checkpoint("audit/checkpoints/00000012.json") == 12
    assert parse_checkpoint("audit/checkpoints/00000000.json") is None
    assert parse_checkpoint("audit/checkpoints/12.json") is None
    assert parse_inventory("audit/checkpoints/00000012.abcdefghijkm.backups.json.gz") == 12
    assert parse_inventory("daily/app.db/one.manifest.json") is None


def searched(trail: Trail, most: int = 100, **flags: Any) -> list[tuple[str, str]]:
    found = search(trail.store, Filter(**flags), most, clock=lambda: trail.now)
    return [(str((entry.event or {})["action"]), str((entry.event or {}).get("backup_id"))) for entry in found]


def test_search_filters_by_actor_action_outcome_backup_and_time(trail: Trail) -> None:
    trail.write(event("backup", ONE), event("delete", ONE, actor="ben", outcome="refused"))
    trail.later(24 * 100)
    trail.write(event("backup", TWO))
    trail.later(24)
    trail.write(event("restore", TWO, actor="ben"))
    everything = [("restore", "two"), ("backup", "two"), ("delete", "one"), ("backup", "one")]
    assert searched(trail) == everything
    assert searched(trail, most=2) == everything[:2]
    assert searched(trail, actor="ben") == [everything[0], everything[2]]
    assert searched(trail, outcome="refused") == [everything[2]]
    assert searched(trail, backup_id="one", action="backup") == [everything[3]]
    assert searched(trail, database="none") == []
    assert searched(trail, since=trail.now - timedelta(hours=25)) == everything[:2]
    assert searched(trail, since=NOON - timedelta(1), until=NOON + timedelta(1)) == everything[2:]
    assert searched(trail, since=NOON - timedelta(500)) == everything


def test_search_skips_objects_that_are_not_events(trail: Trail) -> None:
    trail.write(event("backup", ONE))
    for number, content in enumerate((b"{", b"[1]", b'{"version": 1, "event": 3}', b"[" * 5000)):
        trail.store.create(EventName(NOON, "abcdefghijkm", number + 1).object, content, {})
    trail.store.create("audit/2024-01-15/else.json", b"{}", {})
    assert searched(trail) == [("backup", "one")]


def test_catalog_listing_skips_the_trail(trail: Trail) -> None:
    from shared.catalog.listing import Catalog  # noqa: PLC0415
    from shared.model.trail_names import BESIDE_TRAIL  # noqa: PLC0415

    trail.write(event())
    trail.store.create(ONE.manifest, b"{}", {})
    assert [item.name for item in trail.store.list_objects(start=BESIDE_TRAIL)] == [ONE.manifest]
    assert [backup.name for backup in Catalog(trail.store).backups()] == [ONE]
