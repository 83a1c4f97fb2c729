"""How much memory is left for more work at the same time."""

from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_GROUP_USED = Path("/sys/fs/cgroup/memory.current")


def free_memory() -> int | None:
    """Bytes that this process may still use, by the machine and by its control group; None if nobody says."""
    try:
        line = next(line for line in _MEMORY.read_text().splitlines() if line.startswith("MemAvailable:"))
        free = int(line.split()[1]) << 10
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    try:
        free = min(free, int(_GROUP_LIMIT.read_text()) - int(_GROUP_USED.read_text()))
    except (OSError, ValueError):  # no group of its own, or "max"
        return free
    return max(0, free)
