"""Attacks on a day's trail, one test for each. `litekeep audit verify` must report it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.audit.checkpoint import Checkpoint, parse_checkpoint_bytes, sealed
from shared.model.trail_names import EventName
from shared.statements.envelope import StatementKind, open_statement, sign
from tests.approvals.people import ANA, MALLORY, VERIFIER
from tests.audit.conftest import NOON, ONE, Trail, event, rewrite


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)


def test_trail_of_a_day_verifies(day: Trail) -> None:
    report = day.check()
    assert (report.findings, report.checkpoints, report.events, report.uncovered) == ([], 24, 72, 0)
    day.write(event())
    report = day.check()
    assert (report.ok, report.uncovered) == (True, 1)
    assert report.notes == ["not under a checkpoint yet, until litekeep monitor takes one: 1 event"]


def test_removed_events_are_reported(day: Trail) -> None:
    first, second = day.events()[30:32]
    for gone in (first, second):
        gone.unlink()
    found = [each for each in day.found() if each[0].startswith("audit/")]
    assert found == [(day.name(path), "was removed: it is under checkpoint 11") for path in (first, second)]


def test_removed_first_event_of_a_writer_is_reported_before_any_checkpoint(trail: Trail) -> None:
    trail.take()
    trail.write(event(), event("delete", ONE))
    trail.events()[0].unlink()
    ((_, what),) = trail.found()
    assert what == "an event of this writer is missing: removed, or never stored"


def test_changed_event_is_reported(day: Trail) -> None:
    path = day.events()[40]
    rewrite(path, lambda document: document["event"].update(actor="mallory"))
    assert (day.name(path), "was changed since it was under a checkpoint") in day.found()


def test_event_changed_before_any_checkpoint_breaks_the_writers_chain(trail: Trail) -> None:
    trail.take()
    trail.write(event(), event())
    rewrite(trail.events()[0], lambda document: document["event"].update(actor="mallory"))
    ((_, what),) = trail.found()
    assert what == "does not name the writer's previous event"


def add_old_event(day: Trail) -> str:
    """Adds an event with a date of hours ago, like an attacker."""
    name = EventName(NOON.replace(hour=14), "abcdefghijkm", 1)
    about = {"version": 1, "writer": name.writer, "number": 1, "previous": None, "event": event("restore")}
    day.store.create(name.object, json.dumps(about).encode(), {})
    return name.object


def test_event_added_with_an_old_date_is_reported(day: Trail) -> None:
    name = add_old_event(day)
    assert day.found() == [(name, "is older than checkpoint 24 and under none: it was added later")]
    day.take()
    assert day.found() == [(name, "is older than checkpoint 25 and under none: it was added later")]


def test_event_added_with_an_old_date_is_reported_even_under_a_checkpoint(trail: Trail) -> None:
    trail.now = NOON.replace(hour=18)
    trail.take()
    name = add_old_event(trail)
    trail.later()
    trail.take()
    assert trail.found() == [(name, "was added after checkpoint 1, with an older date")]


def test_event_dated_in_the_future_is_reported(day: Trail) -> None:
    early, day.now = day.now, day.now.replace(year=2025)
    day.write(event())
    day.now = early
    assert [what for _, what in day.found()] == ["is dated in the future"]


def test_object_that_is_not_an_event_is_reported(day: Trail) -> None:
    day.store.create("audit/2024-01-15/else.json", b"{}", {})
    day.store.create(EventName(day.now, "abcdefghijkm", 1).object, b"{" * 2000, {})
    assert [what for _, what in day.found()] == ["is no event", "is no event"]


def cut(day: Trail, place: str = "store") -> None:
    """Removes everything after the tenth checkpoint."""
    for path in day.checkpoints(place)[10:]:
        path.unlink()
    if place == "store":
        for path in day.events():
            if path.name[:11] >= "20240115T22":
                path.unlink()


def test_trail_cut_at_its_end_is_reported(day: Trail) -> None:
    cut(day)
    gone = [f"audit/checkpoints/{number:08d}.json" for number in range(11, 25)]
    why = f"is gone, and the copy store {day.folder / 'copy'} has it: the trail was cut or rolled back"
    assert [each for each in day.found() if each[1] == why] == [(name, why) for name in gone]


def test_trail_that_was_cut_and_continued_is_reported(day: Trail) -> None:
    """The next checkpoint after the cut reports it, and so does each verification."""
    cut(day)
    day.write(event())
    taken = day.take()
    assert any("the trail was cut" in each.what for each in taken.problems)
    found = day.found()
    assert ("audit/checkpoints/00000025.json", "follows checkpoint 10: those between are missing") in found
    assert len([what for _, what in found if "cut or rolled back" in what]) == 14


def test_trail_cut_in_both_stores_is_reported_as_overdue(day: Trail) -> None:
    cut(day)
    cut(day, "copy")
    ((name, what),) = day.found()
    assert name == "audit/checkpoints/00000010.json"
    assert what.startswith("is the newest, of 2024-01-15T21:30:00Z: the monitor does not run, or newer ones")


def test_rolled_back_checkpoints_are_reported(trail: Trail) -> None:
    """The newest checkpoints are removed and taken again, without one of their events."""
    trail.write(event())
    trail.take()
    trail.later()
    trail.write(event("delete", ONE))
    trail.take()
    trail.checkpoints()[1].unlink()
    trail.events()[1].unlink()
    copy, trail.copy = trail.copy, None
    trail.take()
    trail.copy = copy
    assert trail.found() == [
        ("audit/checkpoints/00000002.json", f"differs from the one in the copy store {trail.folder / 'copy'}")
    ]


def test_removed_checkpoint_in_the_middle_is_reported(day: Trail) -> None:
    day.checkpoints()[5].unlink()
    found = day.found()
    assert ("audit/checkpoints/00000007.json", "follows checkpoint 6: those between are missing") not in found
    assert ("audit/checkpoints/00000007.json", "follows checkpoint 5: those between are missing") in found


def test_removed_oldest_checkpoints_are_reported(day: Trail) -> None:
    for path in day.checkpoints()[:5]:
        path.unlink()
    assert ("audit/checkpoints/00000006.json", "names a checkpoint before it, which is missing") in day.found()


def test_removal_of_all_checkpoints_is_reported(day: Trail) -> None:
    for path in day.checkpoints():
        path.unlink()
    found = day.found()
    assert found[0] == ("audit/checkpoints/", "there is no checkpoint: run litekeep monitor, which takes one each time")
    assert len([what for _, what in found if "cut or rolled back" in what]) == 24


def test_expired_events_and_checkpoints_are_not_reported(day: Trail) -> None:
    for path in [*day.checkpoints()[:5], *day.events()[:15]]:
        path.unlink()
    day.later(24 * 400)
    day.take()
    found = [what for _, what in day.found()]
    assert found == []


@pytest.fixture
def signed(trail: Trail) -> Trail:
    """A trail whose checkpoints the monitor signs."""
    trail.signer, trail.keys = VERIFIER, [VERIFIER.public]
    for _ in range(3):
        trail.write(event())
        trail.take()
        trail.later(0.5)
    assert trail.check(must_sign=True).ok
    return trail


def replace_checkpoint(
    trail: Trail, number: int, change: Callable[[dict[str, Any]], None], make: Callable[[bytes], bytes]
) -> None:
    """Replaces a checkpoint in both stores."""
    for place in ("store", "copy"):
        path = trail.checkpoints(place)[number - 1]
        document = json.loads(open_statement(path.read_bytes(), StatementKind.CHECKPOINT))
        change(document)
        overwrite(path, make(json.dumps(document).encode()))


def without_signature(payload: bytes) -> bytes:
    return sealed(Checkpoint.model_validate_json(payload), None)


@pytest.mark.parametrize(
    "make",
    [
        without_signature,
        lambda payload: sign(MALLORY, StatementKind.CHECKPOINT, payload),
        lambda payload: sign(ANA, StatementKind.CHECKPOINT, payload),
    ],
    ids=["signed by nobody", "signed by an outsider", "signed by a person of the policy"],
)
def test_forged_checkpoint_is_reported(signed: Trail, make: Callable[[bytes], bytes]) -> None:
    replace_checkpoint(signed, 3, lambda document: document["objects"].clear(), make)
    assert (
        "audit/checkpoints/00000003.json",
        "is not signed by the monitor that the policy names, and those before it are",
    ) in (signed.found(must_sign=True))


def test_monitor_signature_on_another_statement_is_reported(signed: Trail) -> None:
    replace_checkpoint(signed, 3, lambda document: None, lambda payload: sign(VERIFIER, StatementKind.DRILL, payload))
    assert (
        "audit/checkpoints/00000003.json",
        "this checkpoint is a signed statement of another kind",
    ) in signed.found()


def test_checkpoint_stored_under_another_number_is_reported(signed: Trail) -> None:
    _, second, third = signed.checkpoints()
    overwrite(third, second.read_bytes())
    assert ("audit/checkpoints/00000003.json", "it is checkpoint 2, stored under another name") in signed.found()


def test_checkpoints_retaken_without_the_key_lack_the_signature(signed: Trail) -> None:
    """Everything is complete and consistent in both stores, except the signature."""
    for place in ("store", "copy"):
        for path in signed.checkpoints(place):
            path.unlink()
    signed.signer = None
    signed.take()
    assert signed.found() == []
    assert signed.found(must_sign=True) == [
        ("audit/checkpoints/00000001.json", "is not signed by the monitor that the policy names")
    ]


def test_checkpoints_older_than_the_policy_need_no_signature(trail: Trail) -> None:
    trail.take()
    trail.later()
    trail.signer, trail.keys = VERIFIER, [VERIFIER.public]
    trail.take()
    assert trail.found(must_sign=True) == []


def test_removed_or_changed_request_is_reported(trail: Trail) -> None:
    names = [f"requests/20240115T12000{number}Z-abcdefgh.used.json" for number in (1, 2)]
    for name in names:
        trail.store.create(name, b"{}", {})
    trail.take()
    (trail.folder / "store" / names[0]).unlink()
    overwrite(trail.folder / "store" / names[1], b"[]")
    assert trail.found() == [
        (names[0], "was removed since the newest checkpoint"),
        (names[1], "was changed since the newest checkpoint"),
    ]


def test_since_ignores_older_events_and_checkpoints(day: Trail) -> None:
    path = day.events()[2]
    path.unlink()
    assert day.found(since=NOON.replace(hour=18)) == []
    assert day.check(since=NOON.replace(hour=18)).checkpoints == 19
    day.events()[-1].unlink()
    assert [what for _, what in day.found(since=NOON.replace(hour=18))] == ["was removed: it is under checkpoint 24"]


@pytest.mark.parametrize(
    "change",
    [
        {"objects": {"audit/x": "zz"}},
        {"objects": []},
        {"number": 0},
        {"standing": "daily/app.db/one.manifest.json"},
        {"taken_at": "2024-01-15T12:00:00"},
        {"more": 1},
    ],
)
def test_malformed_checkpoint_is_reported(trail: Trail, change: dict[str, Any]) -> None:
    trail.take()
    raw = trail.checkpoints()[0].read_bytes()
    document = json.loads(open_statement(raw, StatementKind.CHECKPOINT))
    parse_checkpoint_bytes(raw, 1, ())
    overwrite(trail.checkpoints()[0], sign(MALLORY, StatementKind.CHECKPOINT, json.dumps(document | change).encode()))
    if change == {"objects": {"audit/x": "zz"}}:
        assert ("audit/x", "was removed: it is under checkpoint 1") in trail.found()
    else:
        assert trail.found()[0][0] == "audit/checkpoints/00000001.json"
