"""A checkpoint covers each new event once, and reports what was removed, changed or added since earlier ones."""

import gzip
import json
from pathlib import Path

import pytest

from shared.audit.checkpoint import MOST_OBJECTS, CheckpointInventory, read_checkpoint, read_inventory
from shared.audit.kept import kept_before
from shared.errors import NotGood
from shared.model.trail_names import EventName
from tests.approvals.people import MALLORY, VERIFIER
from tests.audit.conftest import NOON, ONE, THREE, TWO, Trail, event


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def covered(trail: Trail, number: int) -> int:
    return len(read_checkpoint(trail.store, number, ()).checkpoint.objects)


def test_each_event_is_covered_by_one_checkpoint(trail: Trail) -> None:
    trail.write(event(), event())
    assert trail.take().events == 2
    trail.later()
    assert trail.take().events == 0
    trail.later(48)
    trail.write(event())
    assert trail.take().events == 1
    assert [covered(trail, number) for number in (1, 2, 3)] == [2, 0, 1]
    assert trail.check().ok
    assert [path.read_bytes() for path in trail.checkpoints()] == [p.read_bytes() for p in trail.checkpoints("copy")]


def test_many_events_are_split_over_several_checkpoints(trail: Trail) -> None:
    folder = trail.folder / "store/audit/2024-01-15"
    trail.write(event())
    for number in range(2, MOST_OBJECTS + 3):
        (folder / Path(EventName(NOON, "abcdefghijkm", number).object).name).write_bytes(b"{}")
    assert trail.take().events == MOST_OBJECTS + 2
    assert (covered(trail, 1), covered(trail, 2)) == (MOST_OBJECTS, 2)
    trail.later()
    taken = trail.take()
    assert taken.events == 0
    assert taken.problems == []


def test_two_monitors_at_the_same_time_take_one_checkpoint(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    trail.write(event())
    real = trail.store.create

    def create(name: str, *rest: object) -> object:
        if name.endswith("backups.json.gz"):
            monkeypatch.undo()
            trail.take()
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(trail.store, "create", create)
    assert trail.take().stored is None
    assert len(trail.checkpoints()) == 1
    assert trail.check().ok


def test_vanished_backup_is_reported_for_a_day(trail: Trail) -> None:
    trail.take()
    trail.backups.remove(TWO)
    trail.later()
    assert list(trail.take().vanished) == [TWO]
    trail.later(23)
    assert list(trail.take().vanished) == [TWO]
    trail.later(2)
    assert list(trail.take().vanished) == []
    assert trail.found() == [
        ("daily/app.db/two", "was gone at 2024-01-15T13:00:00Z, without its deletion in the trail")
    ]


def test_backup_that_comes_back_is_no_longer_reported(trail: Trail) -> None:
    trail.take()
    trail.backups.remove(TWO)
    trail.later()
    assert list(trail.take().vanished) == [TWO]
    trail.backups.add(TWO)
    trail.later()
    assert list(trail.take().vanished) == []


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_backup_deleted_according_to_the_trail_is_not_reported(trail: Trail, outcome: str) -> None:
    trail.take()
    trail.backups.remove(TWO)
    trail.write(event("delete", TWO, outcome=outcome))
    trail.later()
    assert list(trail.take().vanished) == []


def test_unrelated_or_refused_deletion_does_not_explain_a_vanished_backup(trail: Trail) -> None:
    assert trail.copy is not None
    trail.take()
    trail.backups.remove(TWO)
    trail.write(event("delete", ONE), event("delete", THREE), event("hold", TWO))
    trail.write(event("delete", TWO, target=trail.copy.url), event("delete", TWO, outcome="refused"))
    trail.later()
    assert list(trail.take().vanished) == [TWO]


def test_deletion_in_progress_is_reported_only_by_the_next_checkpoint(trail: Trail) -> None:
    trail.take()
    trail.backups.remove(TWO)
    trail.leaving.add(TWO)
    trail.later()
    assert list(trail.take().vanished) == []
    trail.later()
    assert list(trail.take().vanished) == [TWO]


def test_deletion_that_ends_between_two_checkpoints_is_not_reported(trail: Trail) -> None:
    trail.take()
    trail.backups.remove(TWO)
    trail.leaving.add(TWO)
    trail.later()
    trail.take()
    trail.leaving.clear()
    trail.write(event("delete", TWO))
    trail.later()
    assert list(trail.take().vanished) == []


def problems(trail: Trail) -> list[str]:
    return [f"{Path(each.object).name} {each.what}" for each in trail.take().problems]


def test_next_checkpoint_reports_removed_and_changed_objects(trail: Trail) -> None:
    trail.write(event(), event())
    trail.store.create("requests/20240115T120000Z-abcdefgh.used.json", b"{}", {})
    trail.store.create("policies/" + "0" * 64 + ".json", b"{}", {})
    trail.take()
    gone = trail.events()[0]
    gone.unlink()
    (trail.folder / "store/requests/20240115T120000Z-abcdefgh.used.json").unlink()
    policy = trail.folder / "store/policies" / ("0" * 64 + ".json")
    policy.chmod(0o600)
    policy.write_bytes(b"[]")
    trail.later()
    assert problems(trail) == [
        f"{gone.name} is gone since it was under a checkpoint",
        f"{policy.name} was changed since it was under a checkpoint",
        "20240115T120000Z-abcdefgh.used.json is gone since it was under a checkpoint",
    ]


def test_removed_erasure_is_reported_until_it_is_back_and_request_for_a_week(trail: Trail) -> None:
    used, erased = f"requests/{NOON:%Y%m%dT%H%M%SZ}-abcdefgh.used.json", "erasures/1.json"
    for name in (used, erased):
        trail.store.create(name, b"{}", {})
    trail.take()
    for name in (used, erased):
        (trail.folder / "store" / name).unlink()
    for _ in range(3):
        trail.later()
        gone = {each.object for each in trail.take().problems if each.what.startswith("is gone")}
        assert gone == {used, erased}
        assert set(kept_before(trail.store, "")) == {used, erased}
    trail.later(7 * 24)
    assert [each.object for each in trail.take().problems] == [erased]
    trail.store.create(erased, b"{}", {})
    assert trail.take().problems == []
    assert trail.take().problems == []


def test_next_checkpoint_reports_old_dates_and_objects_that_are_not_events(trail: Trail) -> None:
    trail.take()
    trail.later()
    late = EventName(NOON.replace(hour=11), "abcdefghijkm", 1)
    trail.store.create(late.object, b"{}", {})
    trail.store.create("audit/2024-01-15/else", b"", {})
    found = problems(trail)
    assert found == [f"{Path(late.object).name} is no event", "else is no event"]
    trail.later()
    trail.now = trail.now.replace(hour=14)
    trail.write(event())
    (forged,) = [path for path in trail.events() if "T14" in path.name]
    older = forged.with_name(forged.name.replace("T140000", "T110000"))
    older.write_bytes(forged.read_bytes())
    (what,) = problems(trail)
    assert what == f"{older.name} was added after checkpoint 2 of 2024-01-15T13:00:00Z with an older date"


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (b"{", "this checkpoint is not valid JSON"),
        (b"", "this checkpoint is not valid JSON"),
        (None, "is missing"),
    ],
)
def test_damaged_or_missing_checkpoint_is_reported_and_the_next_is_taken(
    trail: Trail, damage: bytes | None, what: str
) -> None:
    for _ in range(3):
        trail.write(event())
        trail.take()
        trail.later()
    path = trail.checkpoints()[1]
    path.chmod(0o600)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    taken = trail.take()
    assert (taken.problems[0].object, taken.problems[0].what) == (trail.name(path), what)
    assert taken.stored is not None
    assert taken.stored.checkpoint.number == 4


def test_trail_shorter_than_its_copy_is_reported_as_cut(trail: Trail) -> None:
    for _ in range(3):
        trail.write(event())
        trail.take()
        trail.later()
    for path in trail.checkpoints()[1:]:
        path.unlink()
    taken = trail.take()
    (problem,) = [each for each in taken.problems if "copy store" in each.what]
    assert problem.what == "is in the copy store and not here, where 1 is the newest: the trail was cut"
    assert taken.stored is not None
    assert taken.stored.checkpoint.number == 4  # not under a number that the copy store has


def test_checkpoint_is_taken_without_the_copy_store(trail: Trail) -> None:
    (trail.folder / "copy").write_bytes(b"no folder")
    taken = trail.take()
    assert taken.stored is not None
    assert taken.uncopied is not None
    assert "copy" in taken.uncopied
    (trail.folder / "copy").unlink()
    trail.later()
    assert trail.take().uncopied is None
    assert [path.name for path in trail.checkpoints("copy")] == ["00000001.json", "00000002.json"]


def test_checkpoint_is_signed_with_the_monitors_key(trail: Trail) -> None:
    trail.signer, trail.keys = VERIFIER, [VERIFIER.public]
    trail.take()
    assert read_checkpoint(trail.store, 1, [VERIFIER.public]).signed
    assert not read_checkpoint(trail.store, 1, [MALLORY.public]).signed
    assert not read_checkpoint(trail.store, 1, []).signed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        packed(b"[]"),
        packed(b'{"backups": 3, "leaving": [], "kept": {}}'),
        packed(json.dumps({"backups": [], "leaving": [], "kept": []}).encode()),
        packed(b"{}")[:-4],
    ],
)
def test_malformed_inventory_is_refused(content: bytes) -> None:
    with pytest.raises(NotGood, match="not an inventory"):
        CheckpointInventory.read(content)


def test_changed_or_removed_inventory_is_refused_and_reported(trail: Trail) -> None:
    trail.take()
    checkpoint = read_checkpoint(trail.store, 1, ()).checkpoint
    path = trail.folder / "store" / checkpoint.standing
    path.chmod(0o600)
    path.write_bytes(CheckpointInventory(frozenset()).to_bytes())
    with pytest.raises(NotGood, match="was changed"):
        read_inventory(trail.store, checkpoint)
    path.unlink()
    trail.later()
    assert [each.what for each in trail.take().problems] == ["the inventory of the checkpoint is gone"]
