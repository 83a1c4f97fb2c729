"""The backups left after a year, worked out by hand from the table of kinds and the failures of that year."""

from datetime import date, timedelta

import pytest

from shared.retention.plan import Rule
from tests.retention.year import PAGE, Night, nights, page

# 30 days back from 2024-12-31 02:00 is December 2; two older ones are kept because the last two backups are bad.
DAILY = [f"backup-{date(2024, 11, 30) + timedelta(days=number)}-000000" for number in range(32)]
# 90 days back end on October 2: every Sunday since.
WEEKLY = [
    f"backup-2024-{sunday}-000001"
    for sunday in "10-06 10-13 10-20 10-27 11-03 11-10 11-17 11-24 12-01 12-08 12-15 12-22 12-29".split()
]
OTHERS = [
    "backup-2024-11-20-000000",  # unreadable daily backup
    "on-demand-2024-12-10",  # 30 days
    "on-demand-2024-05-10",  # held
    "milestone-2024-01-31",  # 365 days
    "milestone-2024-02-29",
    "milestone-2024-06-30",
]


@pytest.fixture(scope="module")
def year() -> list[Night]:
    return list(nights())


def night_of(year: list[Night], day: date) -> Night:
    return next(night for night in year if night.now.date() == day)


def test_backups_left_after_a_year(year: list[Night]) -> None:
    left = [decision.backup.name.id for decision in year[-1].plan.decisions if not decision.delete]
    assert len(left) == 51
    assert sorted(left) == sorted(DAILY + WEEKLY + OTHERS)


def test_failed_last_nights_keep_older_backups(year: list[Night]) -> None:
    rules = {decision.backup.name.id: decision.rule for decision in year[-1].plan.decisions}
    assert [name for name, rule in rules.items() if rule is Rule.FAILING] == DAILY[1::-1]
    assert rules["on-demand-2024-05-10"] is Rule.HELD
    assert rules["backup-2024-11-20-000000"] is Rule.UNREADABLE


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2024, 4, 11), date(2024, 4, 20)),  # unverified for over a day
        (date(2024, 10, 5), date(2024, 10, 9)),  # failing
        (date(2024, 11, 20), date(2024, 11, 20)),  # unreadable
        (date(2024, 12, 30), date(2024, 12, 31)),  # failing
    ],
)
def test_nothing_is_deleted_during_failures_and_all_of_it_afterwards(
    year: list[Night], first: date, last: date
) -> None:
    waiting = 0
    for number in range((last - first).days + 1):
        night = night_of(year, first + timedelta(days=number))
        assert night.plan.deletions == []
        waiting = sum(d.rule in (Rule.FAILING, Rule.UNPROVEN) for d in night.plan.decisions)
        assert waiting > 0
        assert any("past its time stays" in line for line in night.plan.attention)
    if last < date(2024, 12, 31):
        assert len(night_of(year, last + timedelta(days=1)).plan.deletions) >= waiting


def test_old_backups_expire_without_new_ones_while_young_verified_ones_exist(year: list[Night]) -> None:
    for number in range(11):
        night = night_of(year, date(2024, 8, 11) + timedelta(days=number))
        assert sum(not decision.delete for decision in night.plan.decisions) > 30
        (newest,) = (d.backup for d in night.plan.decisions[:1])
        assert night.now - newest.created_at < timedelta(days=12)


def test_milestone_before_a_leap_day_is_deleted_after_365_days(year: list[Night]) -> None:
    (deleted,) = [
        night.now.date() for night in year if "milestone-2023-12-15" in {d.backup.name.id for d in night.plan.deletions}
    ]
    assert deleted == date(2024, 12, 15)


def test_retention_year_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.retention.year"
