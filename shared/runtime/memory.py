"""The free memory, which limits how much work runs in parallel."""

from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_GROUP_USED = Path("/sys/fs/cgroup/memory.current")


def free_memory() -> int | None:
    """Returns the bytes that the machine and the control group have left; None if unknown."""
    try:
        line = next(line for line in _MEMORY.read_text().splitlines() if line.startswith("MemAvailable:"))
        free = int(line.split()[1]) << 10
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    try:
        free = min(free, int(_GROUP_LIMIT.read_text()) - int(_GROUP_USED.read_text()))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return free
    return max(0, free)
