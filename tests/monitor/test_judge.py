"""Each rule of the monitor: it finds what needs attention, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.log import Event, contract_problems
from shared.model.kinds import Kind
from shared.model.report_names import DrillName
from shared.model.schedules import Schedule, parse_schedules
from shared.monitor.judge import ages, in_force, judge
from shared.monitor.listing import Listing
from tests.monitor.builders import ALL, DAILY, NOW, events, findings, hours, listing, nights, seen


def test_healthy_backups_give_no_findings() -> None:
    assert findings(nights(10)) == []


@pytest.mark.parametrize(
    ("kind", "fresh", "stale"),
    [
        (Kind.DAILY, hours(25), hours(25) + timedelta(seconds=1)),
        (Kind.WEEKLY, timedelta(days=8), timedelta(days=8, seconds=1)),
        (Kind.CONTINUOUS, timedelta(minutes=5), timedelta(minutes=5, seconds=1)),
    ],
)
def test_kind_is_stale_right_after_its_limit(kind: Kind, fresh: timedelta, stale: timedelta) -> None:
    schedules = {kind: ALL[kind]}
    assert events([seen(fresh, kind=kind)], schedules=schedules) == []
    (finding,) = findings([seen(stale, "old", kind=kind)], schedules=schedules)
    assert finding.event is Event.MONITOR_STALE
    assert finding.fields["age_seconds"] == stale.total_seconds()
    assert finding.fields["allowed_seconds"] == fresh.total_seconds()
    assert finding.fields["backup_id"] == "old"


def test_newest_backup_of_each_scheduled_kind_decides() -> None:
    own = [seen(hours(0.05), kind=Kind.CONTINUOUS), *nights(2, until=hours(30)), seen(hours(5), kind=Kind.WEEKLY)]
    (finding,) = findings(own, schedules=ALL)
    assert (finding.event, finding.fields["kind"]) == (Event.MONITOR_STALE, "daily")


def test_bad_backup_does_not_satisfy_a_schedule() -> None:
    own = [seen(hours(1), verified=False), seen(hours(30))]
    assert sorted(events(own)) == [Event.MONITOR_NOT_GOOD, Event.MONITOR_STALE]


def test_source_damage_is_reported_once_and_the_backup_counts() -> None:
    own = [
        seen(hours(1), "new", verified=True, source_damage="row 1 missing from index i; run REINDEX i in the source")
    ]
    own.append(seen(hours(2), "old", verified=True, source_damage="something else"))
    (finding,) = findings(own)
    assert finding.event is Event.SOURCE_DAMAGED
    assert finding.fields["backup_id"] == "new"
    assert "REINDEX i" in finding.message


def test_source_damage_is_not_reported_after_a_clean_verification() -> None:
    assert events([seen(hours(1), verified=True), seen(hours(2), verified=True, source_damage="gone since")]) == []


def test_database_without_backups_is_stale() -> None:
    for schedules in (None, DAILY):
        (finding,) = findings([], schedules=schedules)
        assert (finding.event, finding.fields["kind"]) == (Event.MONITOR_STALE, "daily")
        assert "age_seconds" not in finding.fields


def test_missing_kind_is_stale_after_its_first_slot() -> None:
    weekly = parse_schedules("daily=0 0 * * *;weekly=0 0 * * 0")  # NOW is Monday, half past midnight
    assert events(nights(1), schedules=weekly) == []
    later = NOW + timedelta(days=7)
    own = nights(9, until=timedelta(minutes=30), now=later)
    assert events(own, schedules=weekly, now=later) == [Event.MONITOR_STALE]


def test_without_schedules_only_existing_kinds_are_expected() -> None:
    assert list(in_force(None, nights(1))) == [Kind.DAILY]
    assert list(in_force(None, [seen(kind=Kind.ON_DEMAND)])) == []
    assert list(in_force(None, [])) == [Kind.DAILY]
    assert in_force({}, nights(1)) == {}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verified": False}, "did not pass"),
        ({"damaged": "its artifact x is missing"}, "x is missing"),
        ({"source_good": False}, "was damaged when"),
    ],
)
def test_bad_backup_is_named_with_its_reason(changes: dict[str, object], why: str) -> None:
    own = [seen(hours(0.5)), seen(hours(2), "bad", **changes)]
    (finding,) = findings(own)
    assert (finding.event, finding.fields["backup_id"]) == (Event.MONITOR_NOT_GOOD, "bad")
    assert why in finding.message


def test_unverified_backups_over_a_day_old_are_reported_once_per_kind() -> None:
    assert events([seen(hours(23.9), verified=None)]) == []
    (finding,) = findings([seen(hours(1)), *nights(3, until=hours(24.1), verified=None)])
    assert finding.event is Event.MONITOR_UNVERIFIED
    assert finding.fields["age_seconds"] == hours(24.1 + 48).total_seconds()
    assert "and 2 more" in finding.message


def test_drill_is_overdue_after_35_days() -> None:
    assert events(nights(3), drilled=timedelta(days=35)) == []
    (finding,) = findings(nights(3), drilled=timedelta(days=35, seconds=1))
    assert finding.event is Event.MONITOR_DRILL_OVERDUE


def test_failed_and_future_drills_do_not_count() -> None:
    drills = {
        "app.db": (
            DrillName("app.db", NOW - timedelta(days=1), passed=False),
            DrillName("app.db", NOW + timedelta(days=1), passed=True),
            DrillName("app.db", NOW - timedelta(days=36), passed=True),
        )
    }
    assert events(nights(3), drills=drills) == [Event.MONITOR_DRILL_OVERDUE]


def test_first_drill_is_due_before_the_oldest_backup_expires() -> None:
    quarter = timedelta(days=90)
    assert events(nights(35, kept_for=quarter), drilled=None) == []
    assert events(nights(36, kept_for=quarter), drilled=None) == [Event.MONITOR_DRILL_OVERDUE]
    week = timedelta(days=7)
    assert events(nights(6, kept_for=week), drilled=None) == []
    assert events(nights(7, kept_for=week), drilled=None) == [Event.MONITOR_DRILL_OVERDUE]


def test_copy_store_lacking_backups_for_an_hour_is_behind() -> None:
    own = [seen(hours(0.9), in_copy=False), *nights(3, until=hours(24.5), in_copy=True)]
    assert events(own, copy_url="gs://copy") == []
    own = [seen(hours(0.5), in_copy=True), *nights(2, until=hours(24.5), in_copy=False)]
    (finding,) = findings(own, copy_url="gs://copy")
    assert (finding.event, finding.fields["missing"]) == (Event.MONITOR_COPY_BEHIND, 2)
    assert "run litekeep copy," in finding.message


def test_future_backup_is_reported_and_does_not_hide_staleness() -> None:
    ahead = [seen(timedelta(days=-365), "ahead"), *nights(2, until=hours(30))]
    assert sorted(events(ahead)) == [Event.MONITOR_FUTURE, Event.MONITOR_STALE]
    (age,) = ages(listing(ahead), NOW)
    assert age.fields["age_seconds"] == hours(30).total_seconds()


def test_clock_minutes_ahead_gives_no_finding_and_age_zero() -> None:
    own = [seen(timedelta(minutes=-4)), *nights(2)]
    assert events(own) == []
    assert ages(listing(own), NOW)[0].fields["age_seconds"] == 0


@pytest.mark.parametrize("off", [hours(1), timedelta(days=365)])
def test_own_clock_behind_reports_future_backups_and_staleness(off: timedelta) -> None:
    own, now = nights(3, until=timedelta(minutes=1)), NOW - off
    found = events(own, now=now)
    assert found.count(Event.MONITOR_FUTURE) == (1 if off == hours(1) else 3)
    assert (Event.MONITOR_STALE in found) is (off > timedelta(days=1))


def test_own_clock_a_year_ahead_reports_staleness() -> None:
    assert Event.MONITOR_STALE in events(nights(3), now=NOW + timedelta(days=365))


def test_errors_come_first_and_databases_are_judged_separately() -> None:
    own = {"a": tuple(nights(2, until=hours(40), database="a")), "b": tuple(nights(2, database="b", in_copy=False))}
    found = judge(Listing("u", own, copy_url="c"), DAILY, NOW)
    assert [(finding.event, finding.database) for finding in found] == [
        (Event.MONITOR_STALE, "a"),
        (Event.MONITOR_COPY_BEHIND, "b"),
    ]


_AGES = st.integers(-400 * 24 * 60, 400 * 24 * 60).map(lambda count: timedelta(minutes=count))
_BACKUPS = st.builds(
    lambda age, kind, verified, number, rows: seen(
        age, f"b{number}", kind=kind, verified=verified, sizes={"sql": number}, rows=rows, in_copy=bool(number % 2)
    ),
    _AGES,
    st.sampled_from(Kind),
    st.sampled_from([True, False, None]),
    st.integers(0, 9),
    st.integers(0, 9),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_BACKUPS, max_size=12))
def test_findings_of_random_listings_match_the_event_contract(own: list[object]) -> None:
    newest_first = sorted(own, key=lambda each: each.created_at, reverse=True)  # type: ignore[attr-defined]
    observed = listing(newest_first, drilled=None, copy_url="copy")  # type: ignore[arg-type]
    found = judge(observed, ALL, NOW)
    for finding in [*found, *ages(observed, NOW)]:
        assert contract_problems(finding.event, finding.fields) == []
    fresh = [each for each in observed.databases["app.db"] if each.kind is Kind.DAILY and not each.wrong]
    fresh = [each for each in fresh if not each.is_future(NOW) and each.age(NOW) <= hours(25)]
    stale = [each for each in found if each.event is Event.MONITOR_STALE and each.fields["kind"] == "daily"]
    if fresh:
        assert not stale


def test_schedule_includes_leap_days() -> None:
    schedule = Schedule(Kind.DAILY, "0 0 * * *")
    assert schedule.next_after(datetime(2024, 2, 28, 12, tzinfo=UTC)) == datetime(2024, 2, 29, tzinfo=UTC)
    assert schedule.next_after(datetime(2023, 2, 28, 12, tzinfo=UTC)) == datetime(2023, 3, 1, tzinfo=UTC)
