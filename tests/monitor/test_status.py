"""The status of a database: level, lines and figures."""

from datetime import timedelta

import pytest

from shared.events.log import Event
from shared.model.kinds import Kind
from shared.monitor.listing import Listing, ObservedBackup
from shared.monitor.status import NextSlot, Status, StatusLevel, status_of
from tests.monitor.builders import ALL, DAILY, NOW, hours, listing, nights, seen
from tests.monitor.screens import CASES, PAGE, lines_of, page


def status(own: list[ObservedBackup], **changes: object) -> Status:
    return status_of("app.db", listing(own, **changes), DAILY, NOW)


def test_status_screens_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.monitor.screens"


def test_healthy_database_shows_the_main_lines() -> None:
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
def test_unhealthy_database_shows_what_to_do(case: tuple[str, str, Listing]) -> None:
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
def test_status_level_follows_the_newest_backup_not_in_the_future(
    own: list[ObservedBackup], standing: StatusLevel
) -> None:
    assert status(own).standing is standing


def test_bad_backup_is_no_recovery_point() -> None:
    found = status([seen(hours(1), verified=False), *nights(2, until=hours(24.5))])
    assert (found.age, found.recovery_point) == (hours(1), hours(24.5))
    assert status([seen(verified=False)]).recovery_point is None


def test_next_slot_is_the_soonest_of_all_kinds() -> None:
    found = status_of("app.db", listing(nights(1)), ALL, NOW)
    assert found.next_scheduled == NextSlot(Kind.CONTINUOUS, NOW + timedelta(minutes=3))
    assert status_of("app.db", listing(nights(1)), {}, NOW).next_scheduled is None
    assert status_of("app.db", listing([seen(kind=Kind.ON_DEMAND)]), None, NOW).next_scheduled == NextSlot(
        Kind.DAILY, NOW.replace(day=16, minute=0)
    )


def test_findings_of_other_databases_are_left_out() -> None:
    both = Listing("u", {"app.db": tuple(nights(2)), "b": ()}, listing([]).drills)
    assert status_of("app.db", both, DAILY, NOW).findings == ()
    assert [each.event for each in status_of("b", both, DAILY, NOW).findings] == [Event.MONITOR_STALE]


def test_control_characters_in_names_are_not_printed() -> None:
    own = [seen(database="evil\x1b[2J"), seen(hours(2), database="evil\x1b[2J", verified=False)]
    case = Listing("u", {"evil\x1b[2J": tuple(own)})
    assert not any("\x1b" in line for line in lines_of(case))
