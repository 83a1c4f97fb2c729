"""Division of items between Cloud Run tasks."""

from collections.abc import Callable, Iterable
from typing import TypeVar
from zlib import crc32

from shared.errors import UsageError

Item = TypeVar("Item")


def share(items: Iterable[Item], index: int, count: int, *, name: Callable[[Item], str]) -> list[Item]:
    """Returns the items assigned to task `index` of `count`, in the given order.

    Items are assigned by a hash of their name, not by position: each task lists the store itself, and positions change
    meanwhile. So each item belongs to exactly one task, even if the lists differ. Databases are assigned by size
    instead, see `shared.schedule.fleet`: they are few, and their sizes differ a thousandfold.
    Raises UsageError if there is no such task.
    """
    if not 0 <= index < count:
        raise UsageError(f"CLOUD_RUN_TASK_INDEX {index} is wrong: allowed is 0 to {count - 1}")
    return [item for item in items if crc32(name(item).encode("utf-8", "surrogatepass")) % count == index]
