"""What tells, without reading a database's pages, whether a file was written to since.

In it are the sizes and times of the file and its `-wal`, the file's header (whose change counter each transaction of a
rollback journal moves on), the head of the `-wal`, and of a live wal-index the head in which SQLite itself counts
transactions and frames. A time of just now tells nothing, as a later write may get the same one: then there is no
fingerprint, and whoever asks looks at the pages.
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
    """The fingerprint of the database as it is now; None when none can be taken.

    This process must have no connection of its own to the file: closing our descriptor would drop its locks.
    """
    try:
        source = regular_file(source)
        digest, newest = blake2b(digest_size=16), 0
        for suffix, length in (("", SIZE), ("-wal", _WAL_HEAD), ("-journal", 0), ("-shm", _SHM_HEAD)):
            found = _look(Path(f"{source}{suffix}"), length)
            if found is None:
                digest.update(b"none")
                continue
            status, head = found
            # A wal-index is mapped: its time says nothing, and its head says it all.
            times = b"" if suffix == "-shm" else f"{status.st_size} {status.st_mtime_ns} ".encode()
            digest.update(f"{status.st_ino} ".encode() + times + head)
            newest = max(newest, 0 if suffix == "-shm" else status.st_mtime_ns)
    except (OSError, SourceError):
        return None
    return None if newest > time.time_ns() - _TOO_NEW else digest.hexdigest()


def _look(path: Path, length: int) -> tuple[os.stat_result, bytes] | None:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.fstat(descriptor), os.pread(descriptor, length, 0) if length else b""
        finally:
            os.close(descriptor)
    return None
