"""Schedules in UTC: the next slot, and how old the newest backup may be."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.kinds import Kind
from shared.model.schedules import DEFAULT_SCHEDULES, Schedule, parse_schedules

MIDNIGHT = Schedule(Kind.DAILY, "0 0 * * *")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_schedules_are_parsed_in_any_order_with_white_space() -> None:
    found = parse_schedules(" weekly = 30 2 * * SUN ; daily=0,30  0-6/2 * * * ")
    assert found == {
        Kind.WEEKLY: Schedule(Kind.WEEKLY, "30 2 * * SUN"),
        Kind.DAILY: Schedule(Kind.DAILY, "0,30 0-6/2 * * *"),
    }
    assert parse_schedules("off") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "daily",
        "daily=",
        "hourly=0 * * * *",
        "milestone=0 0 * * *",
        "daily=0 0 * * *;",
        "daily=0 0 * * *;daily=0 1 * * *",
        "daily=0 0 * * *,weekly=0 0 * * 0",
        "daily=0 0 * *",
        "daily=0 0 0 * * *",
        "daily=60 0 * * *",
        "daily=0 24 * * *",
        "daily=0 0 31 2 *",
        "daily=0 0 * * 1#2",
        "daily=0 0 L * *",
        "daily=@daily",
        "daily=0 0 * * *\x00",
        "daily=\N{ARABIC-INDIC DIGIT ZERO} 0 * * *",
    ],
)
def test_malformed_schedule_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed are off, or pairs such as"):
        parse_schedules(text)


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("0 0 * * *", "2024-01-15 00:00:00", "2024-01-16 00:00:00"),
        ("0 0 * * *", "2024-01-14 23:59:59.999999", "2024-01-15 00:00:00"),
        ("0 0 * * *", "2024-02-28 06:00:00", "2024-02-29 00:00:00"),
        ("0 0 * * *", "2023-02-28 06:00:00", "2023-03-01 00:00:00"),
        ("0 0 * * *", "2023-12-31 06:00:00", "2024-01-01 00:00:00"),
        ("0 0 31 * *", "2024-03-31 06:00:00", "2024-05-31 00:00:00"),
        ("0 0 * * 0", "2024-02-26 06:00:00", "2024-03-03 00:00:00"),
        ("0 0 29 2 *", "2024-03-01 00:00:00", "2028-02-29 00:00:00"),
        ("*/5 * * * *", "2024-01-15 00:57:30", "2024-01-15 01:00:00"),
    ],
)
def test_next_slot_over_leap_days_and_month_ends(cron: str, now: str, expected: str) -> None:
    assert Schedule(Kind.DAILY, cron).next_after(utc(now)) == utc(expected)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("day", ["2024-03-10", "2024-03-31", "2024-10-27", "2024-11-03", "2024-04-07"])
def test_daylight_saving_time_does_not_move_slots(zone: str, day: str) -> None:
    """In UTC a day always has 24 hours, also for times given in other zones."""
    night = utc(f"{day} 02:30:00")
    schedule = Schedule(Kind.DAILY, "30 2 * * *")
    assert schedule.next_after(night.astimezone(ZoneInfo(zone))) == night + timedelta(days=1)
    for hour in range(24):
        moment = (night + timedelta(hours=hour, seconds=1)).astimezone(ZoneInfo(zone))
        assert schedule.allowed_age(moment) == timedelta(hours=25)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 20 * 365.25 * 86400))
def test_default_schedules_have_constant_allowed_ages(seconds: float) -> None:
    now = utc("2020-01-01") + timedelta(seconds=seconds)
    limits = {kind: schedule.allowed_age(now) for kind, schedule in DEFAULT_SCHEDULES.items()}
    assert limits == {
        Kind.CONTINUOUS: timedelta(minutes=5),
        Kind.DAILY: timedelta(hours=25),
        Kind.WEEKLY: timedelta(days=8),
    }


@pytest.mark.parametrize(
    ("now", "taken", "late"),
    [
        ("2024-01-15 06:59:59", "2024-01-12 06:00:05", False),  # Monday: the grace period of its slot is not over
        ("2024-01-15 07:00:10", "2024-01-12 06:00:05", True),  # the backup of Monday is missing
        ("2024-01-14 12:00:00", "2024-01-12 06:00:05", False),  # Sunday: there is no newer slot
        (
            "2024-01-12 07:00:10",
            "2024-01-11 06:00:05",
            True,
        ),  # the backup of Friday is missing, although the next slot is on Monday
    ],
)
def test_allowed_age_with_unevenly_spaced_slots(now: str, taken: str, late: bool) -> None:
    schedule = Schedule(Kind.DAILY, "0 6 * * 1-5")
    assert (utc(now) - utc(taken) > schedule.allowed_age(utc(now))) is late
