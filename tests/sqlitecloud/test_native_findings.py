"""Native backups that fall behind during writes are a problem; idle or disabled ones are not."""

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


def test_findings_have_retention_newest_oldest_and_gap() -> None:
    findings = found(timedelta(hours=5), timedelta(minutes=3), timedelta(days=2), wrote=False)
    assert findings.retention == timedelta(days=7)
    assert (findings.newest, findings.oldest) == (NOW - timedelta(minutes=3), NOW - timedelta(days=2))
    assert (findings.gap, findings.problem) == (timedelta(minutes=3), None)


def test_newest_point_over_five_minutes_old_during_writes_is_a_problem() -> None:
    findings = found(timedelta(hours=1), ALLOWED + timedelta(seconds=1), wrote=True)
    assert findings.problem is not None
    assert "app.db is 5 min old while writes go on" in findings.problem


@pytest.mark.parametrize(
    ("age", "wrote"), [(ALLOWED, True), (timedelta(days=1), False), (timedelta(days=1), None), (timedelta(0), True)]
)
def test_fresh_point_or_no_known_writes_is_no_problem(age: timedelta, wrote: bool | None) -> None:
    assert found(age, wrote=wrote).problem is None


@pytest.mark.parametrize("wrote", [True, False, None])
def test_enabled_without_points_is_a_problem_regardless_of_writes(wrote: bool | None) -> None:
    findings = found(wrote=wrote)
    assert findings.problem is not None
    assert (findings.newest, findings.oldest, findings.gap) == (None, None, None)


def test_disabled_is_no_problem_even_with_old_points() -> None:
    findings = found(timedelta(days=3), settings=OFF, wrote=True)
    assert (findings.enabled, findings.retention, findings.problem) == (False, None, None)
    assert findings.newest is not None


def test_point_dated_in_the_future_has_age_zero() -> None:
    findings = found(-timedelta(minutes=10), wrote=True)
    assert (findings.gap, findings.problem) == (timedelta(0), None)


@given(st.lists(st.integers(-600, 100_000), min_size=1, max_size=8), st.sampled_from([True, False, None]))
def test_only_the_newest_point_decides(ages: list[int], wrote: bool | None) -> None:
    findings = found(*(timedelta(seconds=age) for age in ages), wrote=wrote)
    assert (findings.problem is not None) == (wrote is True and min(ages) > ALLOWED.total_seconds())
    assert findings.gap == timedelta(seconds=max(0, min(ages)))


@pytest.mark.parametrize(
    ("before", "after", "wrote"),
    [(1, 2, True), (2, 2, False), (9, 0, True), (None, 2, None), (2, None, None), (None, None, None)],
)
def test_writes_are_detected_by_the_nodes_count_or_unknown(
    before: int | None, after: int | None, wrote: bool | None
) -> None:
    assert wrote_between(before, after) is wrote
