"""The timeline: moments that can be restored, what a restore reads, and gaps."""

from datetime import datetime, timedelta

from litekeep.commands.list_backups import fold
from litekeep.timeline_screen import screen
from shared.continuous.timeline import Timeline, timeline
from shared.model.kinds import Kind
from shared.model.lock_names import marks_prefix, parse_unchanged
from tests.continuous.yard import MINUTE, NOON, Yard


def _timeline(yard: Yard, until: datetime | None = None) -> Timeline:
    found = (parse_unchanged(item.name) for item in yard.store.list_objects(marks_prefix(Kind.CONTINUOUS, "app.db")))
    marks = [mark.at for mark in found if mark]
    return timeline("app.db", yard.catalog.backups(), marks, None, until or yard.now)


def test_timeline_has_ranges_and_gaps_with_reasons(yard: Yard) -> None:
    yard.cycle()  # 12:01
    for n in range(3):  # 12:04, 12:07, 12:10
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {n + 1}", after=3 * MINUTE)
    yard.cycle(after=3 * MINUTE)  # a mark at 12:13
    yard.point("DELETE FROM t WHERE id = 1", after=20 * MINUTE)  # 12:33
    found = _timeline(yard)
    assert [each.to_json() for each in found.ranges] == [
        {"from": "2024-01-15T12:01:00Z", "to": "2024-01-15T12:13:00Z", "points": 4},
        {"from": "2024-01-15T12:33:00Z", "to": "2024-01-15T12:33:00Z", "points": 1},
    ]
    gap = {"from": "2024-01-15T12:13:00Z", "to": "2024-01-15T12:33:00Z", "reason": "no cycle was completed"}
    assert [each.to_json() for each in found.gaps] == [gap]
    assert [each.steps for each in found.points] == [1, 2, 3, 4, 5]
    assert found.points[1].reads_bytes == found.points[0].stored_bytes + found.points[1].stored_bytes


def test_unrestorable_point_makes_a_gap_with_its_reason(yard: Yard) -> None:
    yard.cycle()
    points = [yard.point(f"DELETE FROM t WHERE id = {n}", after=4 * MINUTE) for n in range(1, 4)]
    (yard.folder / "backups" / f"{points[1].name.prefix}.index.enc").unlink()
    found = _timeline(yard)
    assert [point.backup.name.id for point in found.points] == [yard.points()[0].name.id, points[0].id]
    (gap,) = found.gaps
    assert gap.reason.startswith(f"{points[1].id} and 1 more cannot be restored: ")
    assert gap.until == yard.now


def test_stopped_chain_ends_in_a_gap(yard: Yard) -> None:
    yard.cycle()
    assert [gap.reason for gap in _timeline(yard, NOON + timedelta(hours=1)).gaps] == ["no cycle was completed"]
    assert _timeline(yard, NOON + 5 * MINUTE).gaps == []


def test_timeline_screen_shows_ranges_gaps_and_changes(yard: Yard) -> None:
    yard.cycle()
    yard.point("UPDATE t SET x = randomblob(300)", after=4 * MINUTE)
    yard.point("DELETE FROM t WHERE id = 1", after=30 * MINUTE)
    lines = list(screen(_timeline(yard)))
    assert "30 min lost: no cycle was completed" in lines[2]
    assert [line.split()[0] for line in lines[4:]] == ["changed", "newest", "stored"]
    assert any(bar in lines[4] for bar in "▇█")


def test_list_shows_points_of_a_database_in_one_line(yard: Yard) -> None:
    yard.cycle()
    last = [yard.point(f"DELETE FROM t WHERE id = {n}") for n in range(1, 4)][-1]
    (line,) = fold(yard.catalog.backups())
    assert line.label == f"{last.id} + 3 points"
    assert line.stored_bytes == sum(item.size_bytes for item in yard.store.list_objects("continuous/")) - sum(
        item.size_bytes for item in yard.store.list_objects("continuous/") if item.name.endswith(".manifest.json")
    )
