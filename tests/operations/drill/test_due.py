"""A drill is due on the first Sunday of a month, by the date in UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from shared.operations.drill.due import is_due, next_due

# From a printed calendar. In 2023 January and October, in 2024 September and December, in 2026 February, March and
# November begin on a Sunday.
FIRST_SUNDAYS = {
    2023: "01-01 02-05 03-05 04-02 05-07 06-04 07-02 08-06 09-03 10-01 11-05 12-03",
    2024: "01-07 02-04 03-03 04-07 05-05 06-02 07-07 08-04 09-01 10-06 11-03 12-01",
    2026: "01-04 02-01 03-01 04-05 05-03 06-07 07-05 08-02 09-06 10-04 11-01 12-06",
}


@pytest.mark.parametrize("year", FIRST_SUNDAYS)
def test_drill_is_due_on_first_sundays_only(year: int) -> None:
    day, due = datetime(year, 1, 1, 3, tzinfo=UTC), []
    while day.year == year:
        if is_due(day):
            due.append(f"{day:%m-%d}")
        day += timedelta(days=1)
    assert " ".join(due) == FIRST_SUNDAYS[year]


def test_weekly_job_holds_one_drill_a_month() -> None:
    sundays = [datetime(2024, 1, 7, 3, tzinfo=UTC) + timedelta(weeks=week) for week in range(52)]
    months = [sunday.month for sunday in sundays if is_due(sunday)]
    assert months == list(range(1, 13))


@pytest.mark.parametrize("time", ["00:00:00", "23:59:59"])
def test_drill_is_due_the_whole_day(time: str) -> None:
    assert is_due(datetime.fromisoformat(f"2024-02-04T{time}+00:00"))


def test_due_date_is_in_utc() -> None:
    tokyo, new_york = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    assert not is_due(datetime(2024, 2, 4, 8, tzinfo=tokyo))  # still Saturday in UTC
    assert is_due(datetime(2024, 2, 5, 8, tzinfo=tokyo))
    assert is_due(datetime(2024, 2, 3, 20, tzinfo=new_york))
    assert not is_due(datetime(2024, 2, 4, 20, tzinfo=new_york))


@pytest.mark.parametrize(
    ("today", "upcoming"),
    [
        ("2024-02-04", date(2024, 3, 3)),  # today's own drill is not the next one
        ("2024-02-05", date(2024, 3, 3)),
        ("2024-08-31", date(2024, 9, 1)),
        ("2024-12-01", date(2025, 1, 5)),
        ("2024-02-29", date(2024, 3, 3)),
    ],
)
def test_next_due_date_is_computed(today: str, upcoming: date) -> None:
    assert next_due(datetime.fromisoformat(f"{today}T12:00:00+00:00")) == upcoming
