"""Which databases of a SQLite Cloud project to back up, and which of them fall to this Cloud Run task."""

from dataclasses import dataclass
from heapq import heappop, heappush
from zlib import crc32

from shared.errors import SourceError, UsageError
from shared.sqlitecloud import databases
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.databases import Listed

ALL = ("*",)


@dataclass(frozen=True)
class Fleet:
    """Names, the largest first; and those that somebody has disabled on the node."""

    names: list[str]
    disabled: list[str]


def find_fleet(address: Address, wanted: tuple[str, ...], index: int, count: int) -> Fleet:
    """What falls to task `index` of `count`: all databases of the project (`ALL`), or those that are named.

    A name that is not there falls to a task all the same, whose backup of it then fails. Raises SourceError.
    """
    if not 0 <= index < count:
        raise UsageError(f"CLOUD_RUN_TASK_INDEX {index} is wrong: allowed is 0 to {count - 1}")
    found = {one.name: one for one in databases.on_node(address, databases.listed)}
    if not found:
        raise SourceError(f"{address.display} has no databases, or this role may not see any: check its privileges")
    if wanted != ALL:
        found = {
            name: found.get(name, Listed(name, None, encrypted=False, status=None, writes=None)) for name in wanted
        }
    mine = share_by_size(list(found.values()), index, count)
    # Whatever else is wrong with one, its backup is tried, and fails with its own event.
    disabled = [one.name for one in mine if wanted == ALL and one.disabled]
    return Fleet([one.name for one in mine if one.name not in disabled], disabled)


def share_by_size(found: list[Listed], index: int, count: int) -> list[Listed]:
    """The share of task `index` of `count`: together they hold each once, and each share is about as large.

    Every task works this out by itself, from a listing of its own, so sizes count only by their power of two (in
    MiB): a database that grows between two listings does not move the others, unless it passes one of these.
    """
    loads = [(0, number) for number in range(count)]
    mine: list[Listed] = []
    for one in sorted(found, key=lambda one: (-_weight(one), crc32(one.name.encode()), one.name)):
        load, number = heappop(loads)
        heappush(loads, (load + _weight(one), number))
        if number == index:
            mine.append(one)
    return mine


def _weight(one: Listed) -> int:
    return 1 << ((one.size or 0) >> 20).bit_length()
