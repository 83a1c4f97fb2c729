"""Copies a database's files byte by byte, for databases that SQLite could only open by writing beside them.

These are WAL databases that no process has open, and databases whose last writer was killed and left a hot rollback
journal. SQLite recovers the copy in its private folder; the source is not changed.

Why the copy is consistent: the caller holds a reader's lock (`file_locks.pinned`). Under it no process writes the main
file in rollback mode, rolls back, or uses the WAL without a `-shm`. Only a WAL database that a process opens meanwhile
can change, and then `-shm` appears and stays, because it is only removed under an exclusive lock. If a `-shm` was left
by a crash, the files' times and sizes show the change. A change within one clock tick may leave the time the same, so
copying starts only when the last change is older than a tick.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int], None]

SIDECARS = ("-journal", "-wal")

_PIECE = 1 << 20  # larger pieces are slower: the system allocates new memory for each
_TICK_SECONDS = 0.02  # kernels update file times with a clock of 1 to 10 ms
_COARSE_TICK_SECONDS = 2.1  # FAT and old network file systems: whole or even seconds
_Change = tuple[int, int, int, int, int]
_State = dict[str, _Change | None]


def copy_files(source: Path, descriptor: int, destination: Path, progress: Progress | None) -> bool:
    """Copies the main file (open as `descriptor`), its `-journal` and its `-wal` to `destination`.

    Returns False, with the copies removed, if anything changed meanwhile; the caller then tries again.
    """
    before = _stable_state(source)
    if before is None:
        return False
    remove_sidecars(destination)  # an earlier attempt may have left some
    copy_main_file(descriptor, destination, progress)
    for suffix in SIDECARS:
        if before[suffix] is not None:
            _copy_sidecar(source, destination, suffix)
    if _state(source) == before:
        return True
    remove_sidecars(destination)
    os.truncate(destination, 0)
    return False


def copy_main_file(descriptor: int, destination: Path, progress: Progress | None, size: int | None = None) -> None:
    """Copies the first `size` bytes, or all, of an open database file.

    The caller must hold a lock that keeps writers out.
    """
    _copy(descriptor, destination, os.fstat(descriptor).st_size if size is None else size, progress)


def remove_sidecars(database: Path) -> None:
    for suffix in (*SIDECARS, "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def _stable_state(source: Path) -> _State | None:
    """Returns the state of the files once their last change is at least a tick old; None if they keep changing."""
    state = _state(source)
    changed = [moment for found in state.values() if found for moment in found[3:]]
    tick = _COARSE_TICK_SECONDS if all(moment % 10**9 == 0 for moment in changed) else _TICK_SECONDS
    age = time.time() - max(changed) / 1e9
    if 0 <= age < tick:  # no wait for a time in the future, from a wrong clock
        time.sleep(tick - age)
    return state if _state(source) == state else None


def _state(source: Path) -> _State:
    return {suffix: _change(Path(f"{source}{suffix}")) for suffix in ("", *SIDECARS, "-shm")}


def _change(path: Path) -> _Change | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _copy_sidecar(source: Path, destination: Path, suffix: str) -> None:
    try:
        descriptor = os.open(f"{source}{suffix}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # removed meanwhile: the comparison of states finds it
    try:
        copy = Path(f"{destination}{suffix}")
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _copy(descriptor, copy, os.fstat(descriptor).st_size, None)
    finally:
        os.close(descriptor)


def _copy(descriptor: int, destination: Path, size: int, progress: Progress | None) -> None:
    with destination.open("r+b", buffering=0) as out:
        out.truncate(0)
        done = 0
        while piece := os.pread(descriptor, min(_PIECE, size - done), done):
            written = out.write(piece)
            done += written or 0
            if progress is not None:
                progress(done, size)
