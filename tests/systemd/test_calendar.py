"""Timers elapse exactly at the times of the cron fields in BACKUP_SCHEDULES, according to systemd itself."""

import os
import re
import subprocess
from datetime import UTC, datetime

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.schedules import parse_schedules
from shared.systemd.calendar import calendar_of

HOW_MANY = 12
BASE = datetime(
    2024, 1, 27, 22, 58, 30, tzinfo=UTC
)  # before the end of a month, a leap day and the start of daylight saving time


def elapses(expressions: list[str]) -> list[datetime]:
    """Returns when systemd would start the timer, in a time zone with daylight saving time."""
    command = ["systemd-analyze", "calendar", f"--iterations={HOW_MANY}", f"--base-time={BASE:%Y-%m-%d %H:%M:%S} UTC"]
    environment = os.environ | {"TZ": "Europe/Berlin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run([*command, *expressions], env=environment, capture_output=True, text=True, check=True)
    found = re.findall(
        r"^ *(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w{3} ([\d-]+ [\d:]+) UTC$", done.stdout, re.MULTILINE
    )
    return sorted({datetime.fromisoformat(text).replace(tzinfo=UTC) for text in found})[:HOW_MANY]


def cron_times(cron: str) -> list[datetime]:
    slots = CronSim(cron, BASE)
    return [next(slots) for _ in range(HOW_MANY)]


@pytest.mark.parametrize(
    "cron",
    [
        "*/5 * * * *",
        "0 0 * * *",
        "0 0 * * 0",
        "0 0 * * 7",
        "0,30 0-6/2 * * *",
        "7/20 3 * JAN-MAR MON-FRI",
        "0 3 1-7 * 0",  # day of the month OR day of the week
        "0 3 */10 * 1",  # a field that begins with a star: AND
        "0 3 13 * */2",
        "15 2 29 2 *",
        "0 0 31 * *",
        "59 23 * * 0-7",
        "* * * * *",
    ],
)
def test_timer_elapses_at_the_cron_times(cron: str) -> None:
    assert elapses(calendar_of(cron)) == cron_times(cron)


def field(first: int, last: int, names: str = "") -> st.SearchStrategy[str]:
    """Generates any form of a field that BACKUP_SCHEDULES accepts."""
    number = st.integers(first, last).map(str)
    value = st.one_of(number, st.sampled_from(names.split())) if names else number
    pair = st.tuples(st.integers(first, last), st.integers(first, last)).map(lambda two: f"{min(two)}-{max(two)}")
    step = st.integers(1, 40).map(lambda count: f"/{count}")
    item = st.one_of(value, pair, st.just("*"), st.tuples(st.one_of(st.just("*"), number, pair), step).map("".join))
    return st.one_of(st.just("*"), item, st.lists(item, min_size=2, max_size=3).map(",".join))


CRON = st.tuples(
    field(0, 59),
    field(0, 23),
    field(1, 31),
    field(1, 12, "JAN feb Mar DEC"),
    field(0, 7, "SUN mon Tue SAT"),
).map(" ".join)


@settings(max_examples=25)
@given(CRON)
def test_any_accepted_schedule_elapses_at_the_cron_times(cron: str) -> None:
    try:
        (schedule,) = parse_schedules(f"daily={cron}").values()
    except ValueError:
        return  # no month has such a day
    assert elapses(calendar_of(schedule.cron)) == cron_times(cron)
