"""How much a confined process may use. Limits that the kernel keeps: SQLite cannot forget to look at them."""

import math
import resource
import time
from dataclasses import dataclass

_LIMITS_OF_MEMORY = (resource.RLIMIT_DATA, resource.RLIMIT_AS)
_MAPPED = 1 << 30  # addresses that are no memory: libraries, stacks, what malloc sets aside for each thread


@dataclass(frozen=True)
class Limits:
    """For one call: seconds of CPU time of all its threads, memory in bytes, and the bytes of each file it writes."""

    cpu_seconds: float
    memory_bytes: int
    file_bytes: int


class Allowance:
    """What this process may use from now on; it can be raised as more of the work becomes known."""

    def __init__(self) -> None:
        self._spent = time.process_time()

    def set(self, limits: Limits) -> None:
        _set(resource.RLIMIT_CPU, math.ceil(self._spent + limits.cpu_seconds))
        _set(resource.RLIMIT_FSIZE, limits.file_bytes)
        for kind in _LIMITS_OF_MEMORY:
            _set(kind, limits.memory_bytes + (_MAPPED if kind == resource.RLIMIT_AS else 0))


def limits_memory(size: int) -> bool:
    """Returns whether it is this limit that ends a process which wants more, and none that the machine has set."""
    return all(hard == resource.RLIM_INFINITY or hard > size for _, hard in map(resource.getrlimit, _LIMITS_OF_MEMORY))


def limits_files(size: int) -> bool:
    """The same of the size of files."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    return hard == resource.RLIM_INFINITY or hard > size


def no_core() -> None:
    """A core file would hold rows."""
    _set(resource.RLIMIT_CORE, 0)


def _set(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, hard))
