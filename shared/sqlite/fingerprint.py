"""Fingerprints a database file, to detect writes without reading its pages.

A fingerprint covers the sizes and times of the file and its `-wal`, the file's header (in rollback mode each
transaction increments its change counter), the header of the `-wal`, and the header of a live wal-index, in which
SQLite counts transactions and frames. If a file changed within the last second there is no fingerprint, because a later
write may get the same time; the caller then compares pages.
"""

import os
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from shared.errors import SourceError
from shared.sqlite.header import SIZE
from shared.sqlite.sqlite_file import regular_file

_WAL_HEAD = 32
_SHM_HEAD = 96  # two copies of 48 bytes (https://sqlite.org/walformat.html, "The WAL-Index Header")
_TOO_NEW = 1_000_000_000  # nanoseconds


def fingerprint(source: Path) -> str | None:
    """Returns the fingerprint of the database as it is now, or None if it cannot be taken.

    This process must have no connection to the file: closing the descriptor used here would drop its locks.
    """
    try:
        source = regular_file(source)
        digest, newest = blake2b(digest_size=16), 0
        for suffix, length in (("", SIZE), ("-wal", _WAL_HEAD), ("-journal", 0), ("-shm", _SHM_HEAD)):
            found = _read_head(Path(f"{source}{suffix}"), length)
            if found is None:
                digest.update(b"none")
                continue
            status, head = found
            # A wal-index is mapped memory: its time is meaningless, its header is enough.
            times = b"" if suffix == "-shm" else f"{status.st_size} {status.st_mtime_ns} ".encode()
            digest.update(f"{status.st_ino} ".encode() + times + head)
            newest = max(newest, 0 if suffix == "-shm" else status.st_mtime_ns)
    except (OSError, SourceError):
        return None
    return None if newest > time.time_ns() - _TOO_NEW else digest.hexdigest()


def _read_head(path: Path, length: int) -> tuple[os.stat_result, bytes] | None:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.fstat(descriptor), os.pread(descriptor, length, 0) if length else b""
        finally:
            os.close(descriptor)
    return None
