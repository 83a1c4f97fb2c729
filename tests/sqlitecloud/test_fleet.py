"""Databases are assigned to tasks: each exactly once, evenly by size, and deterministically."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.schedule.fleet import share_by_size
from shared.sqlitecloud.databases import Listed

MIB = 1 << 20
SIZES = st.lists(st.integers(0, 2000 * MIB) | st.none(), max_size=60)


def fleet(sizes: list[int | None]) -> list[Listed]:
    return [Listed(f"db-{number}", size, False, 1, 0) for number, size in enumerate(sizes)]


@given(SIZES, st.integers(1, 9), st.randoms())
@settings(max_examples=100, deadline=None)
def test_each_database_is_assigned_to_one_task_in_any_listing_order(
    sizes: list[int | None], count: int, chance: object
) -> None:
    found = fleet(sizes)
    taken = []
    for index in range(count):
        chance.shuffle(found)  # type: ignore[attr-defined]
        taken += [one.name for one in share_by_size(found, index, count)]
    assert sorted(taken) == sorted(one.name for one in found)


@given(SIZES, st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_no_task_exceeds_its_share_by_more_than_one_database(sizes: list[int | None], count: int) -> None:
    found = fleet(sizes)

    def weight(one: Listed) -> int:
        return 1 << ((one.size or 0) // MIB).bit_length()

    loads = [sum(map(weight, share_by_size(found, index, count))) for index in range(count)]
    assert max(loads) <= sum(loads) / count + max(map(weight, found), default=0)


def test_growth_within_a_power_of_two_keeps_the_assignment() -> None:
    sizes: list[int | None] = [5 * MIB, 70 * MIB, 3, None, 300 * MIB, 9 * MIB]
    grown: list[int | None] = [7 * MIB, 90 * MIB, 900_000, 100, 400 * MIB, 15 * MIB]
    for index in range(3):
        before, after = (share_by_size(fleet(each), index, 3) for each in (sizes, grown))
        assert [one.name for one in before] == [one.name for one in after]


def test_ten_thousand_databases_are_assigned() -> None:
    found = fleet([number * 1000 for number in range(10_000)])
    assert sum(len(share_by_size(found, index, 7)) for index in range(7)) == 10_000
