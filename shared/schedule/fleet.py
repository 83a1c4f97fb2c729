"""The databases of a SQLite Cloud project to back up, and the share of this Cloud Run task."""

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
    """Names of the databases to back up, the largest first, and of those disabled on the node."""

    names: list[str]
    disabled: list[str]


def find_fleet(address: Address, wanted: tuple[str, ...], index: int, count: int) -> Fleet:
    """Returns the databases assigned to task `index` of `count`, out of all of the project (`ALL`) or of those named.

    A name that does not exist is assigned too, so that its backup fails visibly. Raises UsageError if there is no such
    task, and SourceError if the node cannot be asked or lists no databases.
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
    # Only disabled databases are left out. A backup of any other database in trouble fails with its own event.
    disabled = [one.name for one in mine if wanted == ALL and one.disabled]
    return Fleet([one.name for one in mine if one.name not in disabled], disabled)


def share_by_size(found: list[Listed], index: int, count: int) -> list[Listed]:
    """Returns the databases of task `index` of `count`. The shares are disjoint, complete and of about equal size.

    Each task computes this from its own listing. Sizes are therefore rounded up to a power of two in MiB: a database
    that grows between two listings moves the others only if it passes such a bound.
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
