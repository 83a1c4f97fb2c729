"""Converts cron fields to systemd's OnCalendar= expressions."""

from collections.abc import Collection
from datetime import UTC, datetime

from cronsim import CronSim

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


def calendar_of(cron: str) -> list[str]:
    """Returns OnCalendar= expressions that together elapse at the times of five cron fields, in UTC.

    If both the day of the month and the day of the week are given, cron means OR and systemd AND, so two expressions
    are needed. `cron` must be one that `shared.model.schedules` accepts.
    """
    found = CronSim(cron, _ANY_TIME)
    weekdays = {(int(day) - 1) % 7 for day in found.weekdays if not isinstance(day, tuple)}  # cron: 0 and 7 are Sunday
    dates, on_days = _values(found.days, 1, 31), _weekdays(weekdays)
    months, time = _values(found.months, 1, 12), f"{_values(found.hours, 0, 23)}:{_values(found.minutes, 0, 59)}:00 UTC"
    if found.day_and:
        return [f"{on_days}*-{months}-{dates} {time}"]
    return [f"*-{months}-{dates} {time}", f"{on_days}*-{months}-* {time}"]


def _weekdays(days: set[int]) -> str:
    """Returns the names of the days and a blank; an empty text for every day."""
    return "" if len(days) == len(_DAYS) else ",".join(_DAYS[day] for day in sorted(days)) + " "


def _values(numbers: Collection[int], first: int, last: int) -> str:
    return "*" if len(numbers) == last - first + 1 else ",".join(f"{number:02}" for number in sorted(numbers))
