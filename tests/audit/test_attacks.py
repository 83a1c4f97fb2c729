"""Each way to make the trail say something else, after a day of work: `litekeep audit verify` names it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.audit.checkpoint import Checkpoint, parse_checkpoint_bytes, sealed
from shared.model.trail_names import EventName
from shared.statements import StatementKind, open_statement, sign
from tests.approvals.people import ANA, MALLORY, VERIFIER
from tests.audit.conftest import NOON, ONE, Trail, event, rewrite


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)


def test_a_day_of_work_is_whole(day: Trail) -> None:
    report = day.check()
    assert (report.findings, report.checkpoints, report.events, report.uncovered) == ([], 24, 72, 0)
    day.write(event())
    report = day.check()
    assert (report.ok, report.uncovered) == (True, 1)
    assert report.notes == ["not under a checkpoint yet, until litekeep monitor takes one: 1 event"]


def test_an_event_that_was_removed(day: Trail) -> None:
    first, second = day.events()[30:32]
    for gone in (first, second):
        gone.unlink()
    found = [each for each in day.found() if each[0].startswith("audit/")]
    assert found == [(day.name(path), "was removed: it is under checkpoint 11") for path in (first, second)]


def test_the_first_event_of_a_process_that_was_removed_is_missed_before_any_checkpoint(trail: Trail) -> None:
    trail.take()
    trail.write(event(), event("delete", ONE))
    trail.events()[0].unlink()
    ((_, what),) = trail.found()
    assert what == "an event of this writer is missing: removed, or never stored"


def test_an_event_that_was_changed(day: Trail) -> None:
    path = day.events()[40]
    rewrite(path, lambda document: document["event"].update(actor="mallory"))
    assert (day.name(path), "was changed since it was under a checkpoint") in day.found()


def test_an_event_that_was_changed_before_any_checkpoint_breaks_its_writers_chain(trail: Trail) -> None:
    trail.take()
    trail.write(event(), event())
    rewrite(trail.events()[0], lambda document: document["event"].update(actor="mallory"))
    ((_, what),) = trail.found()
    assert what == "does not name its writer's event before it"


def added(day: Trail) -> str:
    """An event that somebody puts in with a date of hours ago."""
    name = EventName(NOON.replace(hour=14), "abcdefghijkm", 1)
    about = {"version": 1, "writer": name.writer, "number": 1, "previous": None, "event": event("restore")}
    day.store.create(name.object, json.dumps(about).encode(), {})
    return name.object


def test_an_event_that_was_added_with_an_old_date(day: Trail) -> None:
    name = added(day)
    assert day.found() == [(name, "is older than checkpoint 24 and under none: it was added later")]
    day.take()
    assert day.found() == [(name, "is older than checkpoint 25 and under none: it was added later")]


def test_an_event_that_was_added_with_the_date_of_hours_ago_and_came_under_a_checkpoint(trail: Trail) -> None:
    trail.now = NOON.replace(hour=18)
    trail.take()
    name = added(trail)
    trail.later()
    trail.take()
    assert trail.found() == [(name, "was added after checkpoint 1, with an older date")]


def test_an_event_with_a_date_ahead(day: Trail) -> None:
    early, day.now = day.now, day.now.replace(year=2025)
    day.write(event())
    day.now = early
    assert [what for _, what in day.found()] == ["is dated in the future"]


def test_what_is_no_event_of_the_trail(day: Trail) -> None:
    day.store.create("audit/2024-01-15/else.json", b"{}", {})
    day.store.create(EventName(day.now, "abcdefghijkm", 1).object, b"{" * 2000, {})
    assert [what for _, what in day.found()] == ["is no event", "is no event"]


def cut(day: Trail, place: str = "store") -> None:
    """All that is after the tenth checkpoint is removed."""
    for path in day.checkpoints(place)[10:]:
        path.unlink()
    if place == "store":
        for path in day.events():
            if path.name[:11] >= "20240115T22":
                path.unlink()


def test_a_trail_that_was_cut_at_its_end(day: Trail) -> None:
    cut(day)
    gone = [f"audit/checkpoints/{number:08d}.json" for number in range(11, 25)]
    why = f"is gone, and the copy store {day.folder / 'copy'} has it: the trail was cut or rolled back"
    assert [each for each in day.found() if each[1] == why] == [(name, why) for name in gone]


def test_a_trail_that_was_cut_and_went_on(day: Trail) -> None:
    """The monitor's next checkpoint after the cut tells of it, and so does each check."""
    cut(day)
    day.write(event())
    taken = day.take()
    assert any("the trail was cut" in each.what for each in taken.problems)
    found = day.found()
    assert ("audit/checkpoints/00000025.json", "follows checkpoint 10: those between are missing") in found
    assert len([what for _, what in found if "cut or rolled back" in what]) == 14


def test_a_trail_that_was_cut_in_both_stores_shows_by_its_age_alone(day: Trail) -> None:
    cut(day)
    cut(day, "copy")
    ((name, what),) = day.found()
    assert name == "audit/checkpoints/00000010.json"
    assert what.startswith("is the newest, of 2024-01-15T21:30:00Z: the monitor stands still, or newer ones")


def test_checkpoints_rolled_back_to_an_older_state(trail: Trail) -> None:
    """The newest are removed and made again, without an event that was under them."""
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
        ("audit/checkpoints/00000002.json", f"is another one in the copy store {trail.folder / 'copy'}")
    ]


def test_a_checkpoint_in_the_middle_that_was_removed(day: Trail) -> None:
    day.checkpoints()[5].unlink()
    found = day.found()
    assert ("audit/checkpoints/00000007.json", "follows checkpoint 6: those between are missing") not in found
    assert ("audit/checkpoints/00000007.json", "follows checkpoint 5: those between are missing") in found


def test_the_oldest_checkpoints_that_were_removed(day: Trail) -> None:
    for path in day.checkpoints()[:5]:
        path.unlink()
    assert ("audit/checkpoints/00000006.json", "names one before it, and that is gone") in day.found()


def test_all_checkpoints_that_were_removed(day: Trail) -> None:
    for path in day.checkpoints():
        path.unlink()
    found = day.found()
    assert found[0] == ("audit/checkpoints/", "there is no checkpoint: run litekeep monitor, which takes one each time")
    assert len([what for _, what in found if "cut or rolled back" in what]) == 24


def test_trails_end_with_their_time_and_that_is_no_finding(day: Trail) -> None:
    for path in [*day.checkpoints()[:5], *day.events()[:15]]:
        path.unlink()
    day.later(24 * 400)
    day.take()
    found = [what for _, what in day.found()]
    assert found == []


@pytest.fixture
def signed(trail: Trail) -> Trail:
    """Under a policy that names a monitor."""
    trail.signer, trail.keys = VERIFIER, [VERIFIER.public]
    for _ in range(3):
        trail.write(event())
        trail.take()
        trail.later(0.5)
    assert trail.check(must_sign=True).ok
    return trail


def forged(trail: Trail, number: int, change: Callable[[dict[str, Any]], None], make: Callable[[bytes], bytes]) -> None:
    """Puts another checkpoint in the place of that one, in both stores."""
    for place in ("store", "copy"):
        path = trail.checkpoints(place)[number - 1]
        document = json.loads(open_statement(path.read_bytes(), StatementKind.CHECKPOINT))
        change(document)
        overwrite(path, make(json.dumps(document).encode()))


def unsigned_one(payload: bytes) -> bytes:
    return sealed(Checkpoint.model_validate_json(payload), None)


@pytest.mark.parametrize(
    "make",
    [
        unsigned_one,
        lambda payload: sign(MALLORY, StatementKind.CHECKPOINT, payload),
        lambda payload: sign(ANA, StatementKind.CHECKPOINT, payload),
    ],
    ids=["signed by nobody", "signed by an outsider", "signed by a person of the policy"],
)
def test_a_forged_checkpoint(signed: Trail, make: Callable[[bytes], bytes]) -> None:
    forged(signed, 3, lambda document: document["objects"].clear(), make)
    assert (
        "audit/checkpoints/00000003.json",
        "is not signed by the monitor that the policy names, and those before it are",
    ) in (signed.found(must_sign=True))


def test_a_signature_of_the_monitor_on_something_else(signed: Trail) -> None:
    forged(signed, 3, lambda document: None, lambda payload: sign(VERIFIER, StatementKind.DRILL, payload))
    assert (
        "audit/checkpoints/00000003.json",
        "this checkpoint is a signed statement of another kind",
    ) in signed.found()


def test_a_checkpoint_of_the_monitor_under_another_number(signed: Trail) -> None:
    _, second, third = signed.checkpoints()
    overwrite(third, second.read_bytes())
    assert ("audit/checkpoints/00000003.json", "it is checkpoint 2, put under another name") in signed.found()


def test_all_checkpoints_made_anew_without_the_key(signed: Trail) -> None:
    """Whole and consistent in both stores, but for the signature."""
    for place in ("store", "copy"):
        for path in signed.checkpoints(place):
            path.unlink()
    signed.signer = None
    signed.take()
    assert signed.found() == []
    assert signed.found(must_sign=True) == [
        ("audit/checkpoints/00000001.json", "is not signed by the monitor that the policy names")
    ]


def test_checkpoints_from_before_the_policy_need_no_signature(trail: Trail) -> None:
    trail.take()
    trail.later()
    trail.signer, trail.keys = VERIFIER, [VERIFIER.public]
    trail.take()
    assert trail.found(must_sign=True) == []


def test_a_use_of_a_request_that_was_removed_or_changed(trail: Trail) -> None:
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


def test_what_is_older_is_left_out_with_since(day: Trail) -> None:
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
def test_a_checkpoint_of_another_form_is_none(trail: Trail, change: dict[str, Any]) -> None:
    trail.take()
    raw = trail.checkpoints()[0].read_bytes()
    document = json.loads(open_statement(raw, StatementKind.CHECKPOINT))
    parse_checkpoint_bytes(raw, 1, ())
    overwrite(trail.checkpoints()[0], sign(MALLORY, StatementKind.CHECKPOINT, json.dumps(document | change).encode()))
    if change == {"objects": {"audit/x": "zz"}}:
        assert ("audit/x", "was removed: it is under checkpoint 1") in trail.found()
    else:
        assert trail.found()[0][0] == "audit/checkpoints/00000001.json"
