"""Which part of the work is this Cloud Run task's."""

from collections.abc import Callable, Iterable
from typing import TypeVar
from zlib import crc32

from shared.errors import UsageError

Item = TypeVar("Item")


def share(items: Iterable[Item], index: int, count: int, *, name: Callable[[Item], str]) -> list[Item]:
    """What falls to task `index` of `count`, in the order given: each item to exactly one task, by its name.

    Not by its place: each task lists the store by itself, and what others do meanwhile moves places. By names no item
    is taken twice or by none, however the lists differ. Databases are few, differ a thousandfold in size, and stay what
    they are while tasks list them: those `shared.schedule.fleet` shares out by size.
    Raises UsageError when there is no such task.
    """
    if not 0 <= index < count:
        raise UsageError(
            f"CLOUD_RUN_TASK_INDEX is wrong: {index} is none of {count} tasks; allowed is 0 to {count - 1}"
        )
    return [item for item in items if crc32(name(item).encode("utf-8", "surrogatepass")) % count == index]
