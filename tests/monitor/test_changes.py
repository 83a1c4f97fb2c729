"""Unusual changes: a database that shrank or grew, and tables that were dropped or emptied."""

import pytest

from shared.events.log import Event
from shared.model.kinds import Kind
from shared.monitor.usual import row_change, size_change, usual_size
from tests.monitor.builders import events, findings, hours, nights, seen


@pytest.mark.parametrize(("size", "anomaly"), [(50, False), (49, True), (150, False), (151, True), (0, True)])
def test_size_over_half_off_the_median_of_the_last_seven_is_an_anomaly(size: int, anomaly: bool) -> None:
    before = [{"sql": number} for number in (1, 90, 95, 100, 105, 110, 9999)]
    own = [seen(sizes={"sql": size}), *(seen(hours(24.5 * n), sizes=s) for n, s in enumerate(before, 1))]
    assert events(own) == ([Event.MONITOR_SIZE_ANOMALY] if anomaly else [])


def test_usual_size_uses_the_last_seven_of_the_same_kind() -> None:
    usual = [seen(hours(24 * n), sizes={"sql": 100}) for n in range(1, 8)]
    others = [seen(hours(200), sizes={"sql": 9}), seen(hours(0.6), kind=Kind.ON_DEMAND, sizes={"sql": 9})]
    newest = seen(sizes={"sql": 100})
    assert events([newest, others[1], *usual, others[0]]) == []
    assert size_change(newest, [*usual, others[0]]) == 0


def test_size_anomaly_reports_the_percentage() -> None:
    (finding,) = findings([seen(sizes={"sql": 25}), *nights(7, until=hours(24.5), sizes={"sql": 100})])
    assert finding.fields["change_percent"] == -75
    assert finding.fields["size_bytes"] == 25
    assert "75 % smaller than usual" in finding.message


def test_changed_formats_are_no_anomaly() -> None:
    both, one = {"sql": 50, "sqlite": 60}, {"sql": 50}
    assert events([seen(sizes=one), *nights(7, until=hours(24.5), sizes=both)]) == []
    assert events([seen(sizes=both), *nights(7, until=hours(24.5), sizes=one)]) == []
    assert usual_size(seen(sizes=both), [seen(sizes=one)]) == 50


def test_lost_rows_are_reported_even_if_the_size_is_unchanged() -> None:
    (finding,) = findings([seen(rows=0), *nights(7, until=hours(24.5), rows=1000)])
    assert (finding.event, finding.fields["change_percent"]) == (Event.MONITOR_ROW_ANOMALY, -100)


def test_growth_from_zero_has_no_percentage() -> None:
    assert row_change(seen(rows=5), [seen(rows=0)]) is None
    assert size_change(seen(), []) is None
    assert events([seen(rows=5), *nights(3, until=hours(24.5), rows=0)]) == []


def test_dropped_and_emptied_tables_are_named() -> None:
    before = {"users": 10, "orders": 20, "log": 0, "carts": 5}
    own = [seen(row_counts={"users": 9, "orders": 0, "log": 0, "new": 1}), seen(hours(24.5), row_counts=before)]
    found = {(finding.event, finding.fields["table"]) for finding in findings(own)}
    assert found == {(Event.MONITOR_TABLE_VANISHED, "carts"), (Event.MONITOR_ROW_ANOMALY, "orders")}


def test_damaged_backup_is_left_out_of_size_comparison() -> None:
    own = [seen(hours(0.1), sizes={}, damaged="unreadable"), *nights(5)]
    assert events(own) == [Event.MONITOR_NOT_GOOD]
