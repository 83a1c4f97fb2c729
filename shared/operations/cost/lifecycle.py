"""When a bucket's lifecycle moves artifacts to a colder class. Terraform sets the rules by the same table."""

from collections.abc import Mapping

from shared.operations.cost.prices import DAYS_A_MONTH, STANDARD

MOVE_AFTER = 30  # days: verifications are done by then, and a restore is unlikely


def cold_class(kept_days: float, least_days: Mapping[str, int]) -> str | None:
    """The class that artifacts of a kind move to: the coldest whose least duration is still before them, or None."""
    left = kept_days - MOVE_AFTER
    fitting = {days: name for name, days in least_days.items() if name != STANDARD and days <= left}
    return fitting[max(fitting)] if fitting else None


def life_cost(kept_days: float, storage: Mapping[str, float], least_days: Mapping[str, int], moved_to: str) -> float:
    """What one GiB costs in its whole life when it moves to that class after 30 days; early deletion counted."""
    before = min(kept_days, MOVE_AFTER)
    if moved_to == STANDARD or kept_days <= MOVE_AFTER:
        return storage[STANDARD] * kept_days / DAYS_A_MONTH
    billed = max(kept_days - MOVE_AFTER, least_days[moved_to])
    return (storage[STANDARD] * before + storage[moved_to] * billed) / DAYS_A_MONTH
