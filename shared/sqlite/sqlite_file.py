"""Takes a consistent snapshot of a SQLite file while other processes write to it, without changing it.

The method depends on the state of the database. A reader's lock (`file_locks.pinned`) is held throughout:

    rollback journal            the file's bytes, after SQLite found nothing to roll back; writers wait to commit
    WAL, open in a process      SQLite's backup API in one read transaction, with the wal-index joined read-only;
                                writers continue
    WAL, not open               its files are copied, and SQLite recovers the copy (`raw_copy`)
    hot journal after a crash   the same as the line before

A read-only connection does not checkpoint or remove files, and with `readonly_shm` it creates no `-shm`.
"""

import errno
import os
import stat
from contextlib import closing, suppress
from pathlib import Path

import apsw

from shared.errors import CorruptSource, SourceError
from shared.runtime.disk import SET_TMPDIR, check_room
from shared.sqlite.connect import distrust, open_read_only
from shared.sqlite.file_locks import PATIENCE_SECONDS, Pin, pinned, wal_is_live
from shared.sqlite.header import SIZE as HEADER_SIZE
from shared.sqlite.header import read_header, why_unreadable
from shared.sqlite.image import FileSnapshot, copy_pages, create_image, finish_image
from shared.sqlite.neighbours import refuse_odd_sidecars
from shared.sqlite.raw_copy import SIDECARS, Progress, copy_files, copy_main_file, remove_sidecars
from shared.sqlite.sqlite_failures import sqlite_errors
from shared.text import count

__all__ = ["FileSnapshot", "snapshot_file"]

_ATTEMPTS = 10
_SPARE_BYTES = 1 << 20
_SMALLEST_PAGE = 512
_KEEP_PAGES = "nothing was stored: add --allow-corrupt to keep its pages as they are"
# Errors of a read-only connection to a file that must be recovered first.
_NEEDS_RECOVERY = (
    apsw.SQLITE_READONLY_ROLLBACK,
    apsw.SQLITE_READONLY_RECOVERY,
    apsw.SQLITE_READONLY_CANTINIT,
    apsw.SQLITE_READONLY_CANTLOCK,
)


def snapshot_file(
    source: Path,
    destination: Path,
    *,
    progress: Progress | None = None,
    allow_corrupt: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
) -> FileSnapshot:
    """Copies the database at `source` into the new file `destination`, mode 0600, in a private folder.

    The image has the source's pages as of one committed transaction. Its header may differ in the file change counter
    and the version-valid-for number (bytes 24-27, 92-95), which count writes, and in the SQLite version that wrote last
    (96-99). The page of the lock bytes (at 1 GiB), which SQLite never reads, may be zeros, and bytes after the last
    page are left out. `progress` is called with (bytes done, total bytes). This process must have no connection to
    `source`: closing the descriptors used here would drop its locks.

    With `allow_corrupt` the main file of a damaged database is copied byte by byte, even without a valid header.
    Raises CorruptSource if the file is not a whole database, SourceError if it cannot be read, stays locked for longer
    than `patience_seconds`, keeps changing, or if the disk has too little space. No file is left then.
    """
    source = regular_file(source)
    folder = destination.parent
    with sqlite_errors(source, folder):
        create_image(destination)
        try:
            with pinned(source, patience_seconds) as pin:
                descriptor = pin.descriptor
                _refuse_unusable(source, descriptor, folder)
                if _is_foreign(source, descriptor, allowed=allow_corrupt):
                    return _copy_damaged(source, descriptor, destination, progress)
                try:
                    _copy_consistently(source, pin, destination, progress, patience_seconds)
                    header = read_header(descriptor)
                    return finish_image(destination, header.sqlite_version if header else None)
                except (apsw.CorruptError, apsw.NotADBError) as error:
                    if allow_corrupt:
                        return _copy_damaged(source, descriptor, destination, progress)
                    raise _damage_error(source, descriptor, error) from error
        except BaseException:
            remove_sidecars(destination)
            destination.unlink(missing_ok=True)
            raise


def regular_file(source: Path) -> Path:
    """Returns the resolved path: `-wal` and `-journal` are beside it. Raises SourceError if it is not a file."""
    try:
        source = source.resolve(strict=True)
        mode = source.stat().st_mode
    except FileNotFoundError:
        raise SourceError(f"{source} does not exist: check the path") from None
    except OSError as error:
        reason = "its symbolic links form a loop" if error.errno == errno.ELOOP else error.strerror
        raise SourceError(f"{source} cannot be reached: {reason}") from None
    except RuntimeError:
        raise SourceError(f"{source} cannot be reached: its symbolic links form a loop") from None
    if stat.S_ISDIR(mode):
        raise SourceError(f"{source} is a folder: name the database file in it")
    if not stat.S_ISREG(mode):
        raise SourceError(f"{source} is not a regular file: name a database file")
    refuse_odd_sidecars(source)
    return source


def _refuse_unusable(source: Path, descriptor: int, folder: Path) -> None:
    size = os.fstat(descriptor).st_size
    if size == 0:
        # To SQLite this is an empty database, but a database that lost its content looks the same.
        raise CorruptSource(f"{source} is empty (0 bytes) and holds no database: check the path, or what emptied it")
    wal = Path(f"{source}-wal")
    # The copied WAL, and its pages in the main file once the copy is recovered.
    needed = size + 2 * (wal.stat().st_size if wal.exists() else 0) + _SPARE_BYTES
    check_room(folder, needed, str(source), None if folder == source.parent else SET_TMPDIR)


def _is_foreign(source: Path, descriptor: int, *, allowed: bool) -> bool:
    foreign = why_unreadable(os.pread(descriptor, HEADER_SIZE, 0))
    if foreign is not None and not allowed:
        raise CorruptSource(f"{source} {foreign}; {_KEEP_PAGES}")
    return foreign is not None


def _copy_consistently(
    source: Path, pin: Pin, destination: Path, progress: Progress | None, patience_seconds: float
) -> None:
    for attempt in range(_ATTEMPTS):
        options = _open_options(source, pin, attempt)
        if options is not None and _read_through(source, pin, destination, options, progress, patience_seconds):
            return
        if copy_files(source, pin.descriptor, destination, progress):
            _recover(destination)
            return
    raise SourceError(f"{source} changed during each of {_ATTEMPTS} tries to copy it: try again")


def _open_options(source: Path, pin: Pin, attempt: int) -> list[str] | None:
    """Returns the URI options to open the source with; None if SQLite would create files beside it."""
    if not _is_wal(source, pin.descriptor) or wal_is_live(source):
        return ["readonly_shm=1"]
    if attempt and all(Path(f"{source}{suffix}").exists() for suffix in ("-wal", "-shm")):
        # Another process keeps opening and closing it. Under our pin both files stay, so joining creates none.
        return []
    return None


def _read_through(
    source: Path,
    pin: Pin,
    destination: Path,
    options: list[str],
    progress: Progress | None,
    patience_seconds: float,
) -> bool:
    """Copies the source through SQLite. Returns False if SQLite would have to recover it first."""
    try:
        with closing(open_read_only(source, *options)) as reader:
            reader.set_busy_timeout(int(patience_seconds * 1000))
            reader.execute("BEGIN")
            # Unlike a SELECT, this read does not parse the schema, which may be damaged.
            reader.execute("PRAGMA schema_version").get  # noqa: B018
            pin.let_writers_queue()
            if _is_wal(source, pin.descriptor):
                copy_pages(reader, destination, progress)
            else:
                copy_main_file(pin.descriptor, destination, progress, _whole_pages(pin.descriptor))
    except (apsw.ReadOnlyError, apsw.CantOpenError) as error:
        if _needs_recovery(error):
            return False
        raise
    return True


def _needs_recovery(error: apsw.Error) -> bool:
    code: int = error.extendedresult  # type: ignore[attr-defined]  # the stubs have it in prose only
    return isinstance(error, apsw.CantOpenError) or code in _NEEDS_RECOVERY


def _is_wal(source: Path, descriptor: int) -> bool:
    header = read_header(descriptor)
    # SQLite reads an existing -wal even if the header says otherwise.
    return (header is not None and header.journal_mode == "wal") or Path(f"{source}-wal").exists()


def _whole_pages(descriptor: int) -> int:
    """Returns the size of the database's pages; a file may have unused bytes after them.

    Raises apsw.Error if the file is shorter: SQLite treats a file of less than a page as empty, and reads zeros after a
    truncated last page.
    """
    header, size = read_header(descriptor), os.fstat(descriptor).st_size
    if header is None:
        raise apsw.NotADBError("no header")
    wanted = header.page_size * (header.page_count or -(-size // header.page_size))
    if size < wanted:
        raise apsw.CorruptError("cut off")
    return wanted


def _recover(image: Path) -> None:
    """Lets SQLite roll back or replay the copied journal or WAL, so that the image is complete by itself."""
    if any(Path(f"{image}{suffix}").exists() for suffix in SIDECARS):
        with closing(apsw.Connection(os.fspath(image), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            distrust(connection)
            connection.execute("PRAGMA schema_version").get  # noqa: B018  the first read recovers
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if _size_of(Path(f"{image}-wal")):
            raise SourceError(f"the copy of the -wal could not be checkpointed into {image}: try again")
    remove_sidecars(image)


def _copy_damaged(source: Path, descriptor: int, image: Path, progress: Progress | None) -> FileSnapshot:
    for _ in range(_ATTEMPTS):
        if copy_files(source, descriptor, image, progress):
            break
    else:
        raise SourceError(f"{source} changed during each of {_ATTEMPTS} tries to copy it: try again")
    remove_sidecars(image)
    header = read_header(descriptor)
    size = image.stat().st_size
    if header is None:  # its bytes are kept: they may be encrypted, or may be repaired later
        return FileSnapshot(image, "delete", _SMALLEST_PAGE, size // _SMALLEST_PAGE, size, "unknown")
    pages = size // header.page_size
    return FileSnapshot(image, header.journal_mode, header.page_size, pages, size, header.sqlite_version)


def _damage_error(source: Path, descriptor: int, error: apsw.Error) -> CorruptSource:
    header, size = read_header(descriptor), os.fstat(descriptor).st_size
    if header is None:
        return CorruptSource(f"{source} is not a SQLite database, or it is encrypted")
    wanted = header.page_size * (header.page_count or 1)
    if size < wanted:
        return CorruptSource(f"{source} is truncated: {count(size, 'byte')} where its header promises {wanted}")
    return CorruptSource(f"{source} is damaged: {error}")


def _size_of(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
