"""When a drill is due: on the first Sunday of each month, in UTC, at any hour.

The first drill of a quarter is a full one.
"""

from datetime import UTC, date, datetime, timedelta

_SUNDAY = 6


def is_due(now: datetime) -> bool:
    return _is_first_sunday(now.astimezone(UTC).date())


def is_full(now: datetime) -> bool:
    """Whether a scheduled drill plays all four scenarios now: it does in the first month of each quarter."""
    return now.astimezone(UTC).month % 3 == 1


def next_due(now: datetime) -> date:
    """Returns the first day after today on which a drill is due."""
    day = now.astimezone(UTC).date() + timedelta(days=1)
    while not _is_first_sunday(day):
        day += timedelta(days=1)
    return day


def _is_first_sunday(day: date) -> bool:
    return day.weekday() == _SUNDAY and day.day <= 7
