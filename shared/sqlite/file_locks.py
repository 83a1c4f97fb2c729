"""Takes and queries SQLite's locks on a database file without SQLite.

The byte ranges are those of SQLite's Unix VFS (os.h and os_unix.c; https://sqlite.org/lockingv3.html and
https://sqlite.org/walformat.html). They are locked with Linux's open-file-description locks, which do not merge with
SQLite's own locks in this process. Closing any descriptor of a file drops the process's ordinary locks on it, so close
a pin only after every SQLite connection to that file.
On systems without such locks (macOS) a pin locks nothing, and copies are checked by file times only.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from shared.errors import SourceError

PATIENCE_SECONDS = 10.0

_PENDING = 0x40000000
_SHARED = _PENDING + 2
_SHARED_SIZE = 510
_SHM_IN_USE = 128  # the "dead man's switch" in -shm: every process with the wal-index open holds it, shared
_FLOCK = "hhqqi4x"  # struct flock on 64-bit Linux
_POLL_SECONDS = 0.005
_HELD = (errno.EAGAIN, errno.EACCES)
_HAVE_LOCKS = hasattr(fcntl, "F_OFD_SETLK")


class Pin(NamedTuple):
    """A reader's lock on the main file, which is open read-only as `descriptor`."""

    descriptor: int

    def let_writers_queue(self) -> None:
        """Releases PENDING, so that a writer may wait for this reader. Call it once SQLite has its own lock."""
        _set(self.descriptor, fcntl.F_UNLCK, _PENDING, 1)


@contextmanager
def pinned(path: Path, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Pin]:
    """Holds a reader's SHARED lock on the main file.

    Meanwhile no other process writes to the main file in rollback mode, rolls back a hot journal, changes the journal
    mode, uses the file exclusively, or removes `-wal` and `-shm` when it closes the database.
    PENDING is held, shared, until `let_writers_queue`: a writer that held it would wait for this reader and deny SQLite
    in this process the lock that it needs, a deadlock.
    Raises SourceError if another process keeps the file locked for longer than `patience_seconds`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock_patiently(descriptor, path, fcntl.F_RDLCK, patience_seconds)
        yield Pin(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held_exclusively(path: Path, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[int]:
    """Holds SQLite's EXCLUSIVE lock on a file that SQLite cannot open. Yields its descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        _lock_patiently(descriptor, path, fcntl.F_WRLCK, patience_seconds)
        yield descriptor
    finally:
        os.close(descriptor)


def wal_is_live(path: Path) -> bool:
    """Returns whether a process has this database's WAL open: `-wal` and `-shm` exist, and `-shm` is locked.

    Do not call it while this process has a connection to the database: that would drop the connection's locks.
    """
    try:
        descriptor = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return Path(f"{path}-wal").exists() and (not _HAVE_LOCKS or _held_by_another(descriptor, _SHM_IN_USE))
    finally:
        os.close(descriptor)


def _lock_patiently(descriptor: int, path: Path, kind: int, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while not _lock(descriptor, kind, path):
        if time.monotonic() >= deadline:
            raise SourceError(f"{path} is locked by another process: try again when it is done")
        time.sleep(_POLL_SECONDS)


def _lock(descriptor: int, kind: int, path: Path) -> bool:
    """Tries to take the lock, PENDING first as SQLite does: a writer that waits for readers has priority."""
    try:
        if not _set(descriptor, kind, _PENDING, 1):
            return False
        locked = _set(descriptor, kind, _SHARED, _SHARED_SIZE)
        if not locked:
            _set(descriptor, fcntl.F_UNLCK, _PENDING, 1)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be locked ({error.strerror}): SQLite needs a file system with locks; copy the file to one"
        ) from error
    return locked


def _set(descriptor: int, kind: int, start: int, length: int) -> bool:
    if not _HAVE_LOCKS:
        return True
    wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def _held_by_another(descriptor: int, byte: int) -> bool:
    query = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    answer: bytes = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, query)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
