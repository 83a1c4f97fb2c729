"""Limits of a confined process. The kernel enforces them, so they do not depend on SQLite."""

import math
import resource
import time
from dataclasses import dataclass

_LIMITS_OF_MEMORY = (resource.RLIMIT_DATA, resource.RLIMIT_AS)
_MAPPED = 1 << 30  # address space that is not memory: libraries, stacks, malloc's arenas for threads


@dataclass(frozen=True)
class Limits:
    """The limits of one call: CPU time of all threads in seconds, memory in bytes, and bytes per written file."""

    cpu_seconds: float
    memory_bytes: int
    file_bytes: int


class Allowance:
    """Sets the limits of this process for a call. They can be raised later, when more is known about the work."""

    def __init__(self) -> None:
        self._spent = time.process_time()

    def set(self, limits: Limits) -> None:
        """Sets the limits, counted from the creation of this object."""
        _set(resource.RLIMIT_CPU, math.ceil(self._spent + limits.cpu_seconds))
        _set(resource.RLIMIT_FSIZE, limits.file_bytes)
        for kind in _LIMITS_OF_MEMORY:
            _set(kind, limits.memory_bytes + (_MAPPED if kind == resource.RLIMIT_AS else 0))


def limits_memory(size: int) -> bool:
    """Returns whether this limit is below the hard memory limits that the machine has set."""
    return all(hard == resource.RLIM_INFINITY or hard > size for _, hard in map(resource.getrlimit, _LIMITS_OF_MEMORY))


def limits_files(size: int) -> bool:
    """Returns whether this limit is below the hard limit on file sizes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    return hard == resource.RLIM_INFINITY or hard > size


def no_core() -> None:
    """Disables core files, which would contain rows."""
    _set(resource.RLIMIT_CORE, 0)


def _set(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, hard))
