"""Finds other processes that have a file open, if this user may see them, on Linux."""

import os
from pathlib import Path

_PROC = Path("/proc")


def processes_holding(path: Path) -> list[int]:
    """Returns the ids of other processes that have `path` open, by device and inode; empty without /proc.

    This finds idle connections in rollback mode, which hold no lock. Only root sees processes of other users. Processes
    of other containers and machines are not visible.
    """
    wanted, own = path.stat(), os.getpid()
    numbers = (int(entry) for entry in _numbered(_PROC))
    return sorted(pid for pid in numbers if pid != own and _holds(_PROC / str(pid) / "fd", wanted))


def described(process: int) -> str:
    """Returns `process 123 (name)`, without the name if it cannot be read."""
    try:
        name = (_PROC / str(process) / "comm").read_text(errors="replace").strip()
    except OSError:
        return f"process {process}"
    return f"process {process} ({name})"


def _holds(descriptors: Path, wanted: os.stat_result) -> bool:
    for entry in _numbered(descriptors):
        try:
            if os.path.samestat((descriptors / entry).stat(), wanted):
                return True
        except OSError:
            continue  # closed meanwhile, or not accessible
    return False


def _numbered(folder: Path) -> list[str]:
    try:
        return [entry for entry in os.listdir(folder) if entry.isdigit()]  # noqa: PTH208  names are enough
    except OSError:
        return []
