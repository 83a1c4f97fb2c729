"""When a bucket's lifecycle moves artifacts to a colder storage class. Terraform sets the same rules."""

from collections.abc import Mapping

from shared.operations.cost.prices import DAYS_A_MONTH, STANDARD

MOVE_AFTER = 30  # days: verifications are done by then, and a restore is unlikely


def cold_class(kept_days: float, least_days: Mapping[str, int]) -> str | None:
    """Returns the class to move artifacts to: the coldest whose minimum duration they still have left, or None."""
    left = kept_days - MOVE_AFTER
    fitting = {days: name for name, days in least_days.items() if name != STANDARD and days <= left}
    return fitting[max(fitting)] if fitting else None


def life_cost(kept_days: float, storage: Mapping[str, float], least_days: Mapping[str, int], moved_to: str) -> float:
    """Returns the cost of one GiB for its whole life if it moves to that class after 30 days, with early deletion."""
    before = min(kept_days, MOVE_AFTER)
    if moved_to == STANDARD or kept_days <= MOVE_AFTER:
        return storage[STANDARD] * kept_days / DAYS_A_MONTH
    billed = max(kept_days - MOVE_AFTER, least_days[moved_to])
    return (storage[STANDARD] * before + storage[moved_to] * billed) / DAYS_A_MONTH
