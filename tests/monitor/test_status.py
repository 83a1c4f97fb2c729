"""What `litekeep status` says of a database: its standing, its lines, its figures."""

from datetime import timedelta

import pytest

from shared.events.log import Event
from shared.model.kinds import Kind
from shared.monitor.listing import Listing, Seen
from shared.monitor.status import NextSlot, Status, StatusLevel, status_of
from tests.monitor.builders import ALL, DAILY, NOW, hours, listing, nights, seen
from tests.monitor.screens import CASES, PAGE, lines_of, page


def status(own: list[Seen], **changes: object) -> Status:
    return status_of("app.db", listing(own, **changes), DAILY, NOW)


def test_the_page_of_screens_is_what_the_code_shows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.monitor.screens"


def test_a_healthy_database_has_the_lines_that_people_look_for() -> None:
    lines = lines_of(CASES[0][2])
    for line in (
        "✅ Last backup: 2024-01-15 00:00:00 UTC",
        "✅ Status: Success",
        "✅ Size: 127 MB",
        "✅ Next scheduled: 2024-01-16 00:00:00 UTC",
    ):
        assert line in lines
    assert all(line.startswith("✅") for line in lines[1:])


@pytest.mark.parametrize("case", CASES[1:], ids=lambda case: str(case[0]))
def test_any_other_has_a_line_that_says_what_to_do(case: tuple[str, str, Listing]) -> None:
    assert any(line.startswith(("❌ monitor.", "⚠️ monitor.")) for line in lines_of(case[2]))


@pytest.mark.parametrize(
    ("own", "standing"),
    [
        (nights(3), StatusLevel.OK),
        (nights(3, until=hours(26)), StatusLevel.STALE),
        ([seen(verified=False), *nights(3, until=hours(24.5))], StatusLevel.FAILING),
        ([seen(damaged="unreadable"), *nights(3, until=hours(24.5))], StatusLevel.FAILING),
        ([], StatusLevel.NEVER),
        ([seen(timedelta(days=-9))], StatusLevel.NEVER),
        ([seen(timedelta(days=-9)), *nights(3, until=hours(26))], StatusLevel.STALE),
    ],
)
def test_the_standing_is_that_of_the_newest_backup_whose_age_is_known(own: list[Seen], standing: StatusLevel) -> None:
    assert status(own).standing is standing


def test_a_backup_that_is_not_good_is_no_recovery_point() -> None:
    found = status([seen(hours(1), verified=False), *nights(2, until=hours(24.5))])
    assert (found.age, found.recovery_point) == (hours(1), hours(24.5))
    assert status([seen(verified=False)]).recovery_point is None


def test_the_next_slot_is_the_soonest_of_all_kinds() -> None:
    found = status_of("app.db", listing(nights(1)), ALL, NOW)
    assert found.next_scheduled == NextSlot(Kind.CONTINUOUS, NOW + timedelta(minutes=3))
    assert status_of("app.db", listing(nights(1)), {}, NOW).next_scheduled is None
    assert status_of("app.db", listing([seen(kind=Kind.ON_DEMAND)]), None, NOW).next_scheduled == NextSlot(
        Kind.DAILY, NOW.replace(day=16, minute=0)
    )


def test_another_databases_trouble_is_not_this_ones() -> None:
    both = Listing("u", {"app.db": tuple(nights(2)), "b": ()}, listing([]).drills)
    assert status_of("app.db", both, DAILY, NOW).findings == ()
    assert [each.event for each in status_of("b", both, DAILY, NOW).findings] == [Event.MONITOR_STALE]


def test_a_name_that_would_reach_the_terminal_as_a_command_does_not() -> None:
    own = [seen(database="evil\x1b[2J"), seen(hours(2), database="evil\x1b[2J", verified=False)]
    case = Listing("u", {"evil\x1b[2J": tuple(own)})
    assert not any("\x1b" in line for line in lines_of(case))
