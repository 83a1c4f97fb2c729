"""Which other processes have a file open, as far as Linux lets this user see."""

import os
from pathlib import Path

_PROC = Path("/proc")


def processes_holding(path: Path) -> list[int]:
    """The ids of other processes with `path` open, found by device and inode; empty where there is no /proc.

    Finds what locks do not show: a connection in rollback mode that is idle. Processes of other users
    are seen by root only, those of other containers or machines not at all.
    """
    wanted, own = path.stat(), os.getpid()
    numbers = (int(entry) for entry in _numbered(_PROC))
    return sorted(pid for pid in numbers if pid != own and _holds(_PROC / str(pid) / "fd", wanted))


def described(process: int) -> str:
    """`process 123 (name)`, the name as far as it can be read."""
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
            continue  # closed since, or not ours to see
    return False


def _numbered(folder: Path) -> list[str]:
    try:
        return [entry for entry in os.listdir(folder) if entry.isdigit()]  # noqa: PTH208  names are enough
    except OSError:
        return []
