"""Events become objects, one each, in the order and form that a reader can check; and are found again."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.read import read_entries
from shared.audit.search import Filter, search
from shared.errors import StoreError
from shared.model.trail_names import TRAIL, EventName, parse_checkpoint, parse_event, parse_standing
from shared.stores.folder import FolderStore
from tests.audit.conftest import NOON, ONE, TWO, Trail, event

DAWN, DUSK = (datetime(year, 1, 1) for year in (1000, 9999))  # noqa: DTZ001 - hypothesis adds no zone by itself


class Refusing(FolderStore):
    """A store that takes nothing."""

    refuses = True

    def create(self, name: str, *rest: Any) -> Any:
        if self.refuses:
            raise StoreError("store takes nothing")
        return super().create(name, *rest)


def test_each_event_is_an_object_with_the_hash_of_its_writers_last_one(trail: Trail) -> None:
    trail.write(event("backup", ONE), event("verify", ONE))
    entries = list(read_entries(trail.store, trail.store.list_objects(TRAIL)))
    assert [entry.event for entry in entries] == [event("backup", ONE), event("verify", ONE)]
    assert [entry.previous for entry in entries] == [None, entries[0].sha256]
    assert [entry.name.number for entry in entries] == [1, 2]
    assert len({entry.name.writer for entry in entries}) == 1
    assert entries[0].object.startswith("audit/2024-01-15/20240115T120000000000Z.")


def test_a_store_that_refuses_is_told_once_a_minute_and_the_missing_number_shows(trail: Trail, tmp_path: Path) -> None:
    store = Refusing(tmp_path / "store")
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
def test_a_name_says_what_it_was_made_of(at: datetime, number: int) -> None:
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
def test_another_name_is_no_event(name: str) -> None:
    assert parse_event(name) is None


def test_checkpoints_and_lists_have_names_of_their_own() -> None:
    assert parse_checkpoint("audit/checkpoints/00000012.json") == 12
    assert parse_checkpoint("audit/checkpoints/00000000.json") is None
    assert parse_checkpoint("audit/checkpoints/12.json") is None
    assert parse_standing("audit/checkpoints/00000012.abcdefghijkm.backups.json.gz") == 12
    assert parse_standing("daily/app.db/one.manifest.json") is None


def asked(trail: Trail, most: int = 100, **flags: Any) -> list[tuple[str, str]]:
    found = search(trail.store, Filter(**flags), most, clock=lambda: trail.now)
    return [(str((entry.event or {})["action"]), str((entry.event or {}).get("backup_id"))) for entry in found]


def test_events_are_found_newest_first_by_who_what_when_and_of_what(trail: Trail) -> None:
    trail.write(event("backup", ONE), event("delete", ONE, actor="ben", outcome="refused"))
    trail.later(24 * 100)
    trail.write(event("backup", TWO))
    trail.later(24)
    trail.write(event("restore", TWO, actor="ben"))
    everything = [("restore", "two"), ("backup", "two"), ("delete", "one"), ("backup", "one")]
    assert asked(trail) == everything
    assert asked(trail, most=2) == everything[:2]
    assert asked(trail, actor="ben") == [everything[0], everything[2]]
    assert asked(trail, outcome="refused") == [everything[2]]
    assert asked(trail, backup_id="one", action="backup") == [everything[3]]
    assert asked(trail, database="none") == []
    assert asked(trail, since=trail.now - timedelta(hours=25)) == everything[:2]
    assert asked(trail, since=NOON - timedelta(1), until=NOON + timedelta(1)) == everything[2:]
    assert asked(trail, since=NOON - timedelta(500)) == everything


def test_what_is_no_event_is_not_shown(trail: Trail) -> None:
    trail.write(event("backup", ONE))
    for number, content in enumerate((b"{", b"[1]", b'{"version": 1, "event": 3}', b"[" * 5000)):
        trail.store.create(EventName(NOON, "abcdefghijkm", number + 1).object, content, {})
    trail.store.create("audit/2024-01-15/else.json", b"{}", {})
    assert asked(trail) == [("backup", "one")]


def test_backups_are_listed_without_the_trail(trail: Trail) -> None:
    from shared.catalog.listing import Catalog  # noqa: PLC0415
    from shared.model.trail_names import BESIDE_TRAIL  # noqa: PLC0415

    trail.write(event())
    trail.store.create(ONE.manifest, b"{}", {})
    assert [item.name for item in trail.store.list_objects(start=BESIDE_TRAIL)] == [ONE.manifest]
    assert [backup.name for backup in Catalog(trail.store).backups()] == [ONE]
