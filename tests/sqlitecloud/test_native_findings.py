"""A recovery point that falls behind while writes go on is found; silence, and what is off, are not complained of."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sqlitecloud.native_backups import NativePoint, NativeSettings
from shared.sqlitecloud.native_findings import ALLOWED, NativeFindings, native_findings, wrote_between

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ON, OFF = NativeSettings(enabled=True, retention="168h", interval="24h"), NativeSettings(enabled=False)


def point(age: timedelta) -> NativePoint:
    return NativePoint(NOW - age, "wal", "g", 0, 1)


def found(*ages: timedelta, settings: NativeSettings = ON, wrote: bool | None) -> NativeFindings:
    return native_findings("app.db", settings, [point(age) for age in ages], NOW, wrote_recently=wrote)


def test_it_tells_retention_newest_oldest_and_gap() -> None:
    told = found(timedelta(hours=5), timedelta(minutes=3), timedelta(days=2), wrote=False)
    assert told.retention == timedelta(days=7)
    assert (told.newest, told.oldest) == (NOW - timedelta(minutes=3), NOW - timedelta(days=2))
    assert (told.gap, told.problem) == (timedelta(minutes=3), None)


def test_older_than_five_minutes_while_writes_go_on_is_a_problem() -> None:
    told = found(timedelta(hours=1), ALLOWED + timedelta(seconds=1), wrote=True)
    assert told.problem is not None
    assert "app.db is 5 min old while writes go on" in told.problem


@pytest.mark.parametrize(
    ("age", "wrote"), [(ALLOWED, True), (timedelta(days=1), False), (timedelta(days=1), None), (timedelta(0), True)]
)
def test_fresh_or_silent_or_unknown_is_none(age: timedelta, wrote: bool | None) -> None:
    assert found(age, wrote=wrote).problem is None


@pytest.mark.parametrize("wrote", [True, False, None])
def test_on_with_nothing_to_restore_is_a_problem_whoever_writes(wrote: bool | None) -> None:
    told = found(wrote=wrote)
    assert told.problem is not None
    assert (told.newest, told.oldest, told.gap) == (None, None, None)


def test_off_is_no_problem_even_with_old_points_left() -> None:
    told = found(timedelta(days=3), settings=OFF, wrote=True)
    assert (told.enabled, told.retention, told.problem) == (False, None, None)
    assert told.newest is not None


def test_a_point_from_a_clock_that_is_ahead_has_no_age() -> None:
    told = found(-timedelta(minutes=10), wrote=True)
    assert (told.gap, told.problem) == (timedelta(0), None)


@given(st.lists(st.integers(-600, 100_000), min_size=1, max_size=8), st.sampled_from([True, False, None]))
def test_the_newest_point_alone_decides(ages: list[int], wrote: bool | None) -> None:
    told = found(*(timedelta(seconds=age) for age in ages), wrote=wrote)
    assert (told.problem is not None) == (wrote is True and min(ages) > ALLOWED.total_seconds())
    assert told.gap == timedelta(seconds=max(0, min(ages)))


@pytest.mark.parametrize(
    ("before", "after", "wrote"),
    [(1, 2, True), (2, 2, False), (9, 0, True), (None, 2, None), (2, None, None), (None, None, None)],
)
def test_whether_anyone_wrote_is_told_by_the_nodes_count_or_not_at_all(
    before: int | None, after: int | None, wrote: bool | None
) -> None:
    assert wrote_between(before, after) is wrote
