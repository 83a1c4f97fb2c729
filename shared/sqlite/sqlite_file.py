"""A consistent snapshot of a SQLite file while other processes go on writing, and without a trace on it.

Which way is taken, under a reader's lock that is held throughout (`file_locks.pinned`):

    rollback journal            the file's bytes, once SQLite found nothing to roll back; writers wait to commit
    WAL, open somewhere         SQLite's backup API in one read transaction: we join the wal-index read-only, and
                                writers go on
    WAL, open nowhere           its files are copied, and SQLite recovers the copy (`raw_copy`)
    crashed, a hot journal      the same as the line before

A read-only connection neither checkpoints nor removes anything, and with `readonly_shm` it makes no `-shm`.
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
# What a read-only connection says of a file that wants recovery first.
_WANTS_RECOVERY = (
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

    The image has the source's pages as of one committed transaction. Its header may differ in the file
    change counter and the version-valid-for number (bytes 24-27, 92-95), which count the writes to a file, and
    in the number of the SQLite that wrote last (96-99). The page that holds the lock bytes (at 1 GiB), which
    SQLite never reads, may be zeros, and bytes behind the last page are left out. `progress` hears
    (bytes done, bytes in all). This process must have no connection of its own to `source`: closing our
    descriptors would drop its locks.

    With `allow_corrupt` the main file of a database that SQLite finds damaged is copied byte by byte, also when it has
    no header that SQLite would take.
    Raises CorruptSource when the file is not a whole database, SourceError when it cannot be read, stays
    locked for longer than `patience_seconds`, keeps changing, or when the copy finds no room. Nothing is left.
    """
    source = regular_file(source)
    folder = destination.parent
    with sqlite_errors(source, folder):
        create_image(destination)
        try:
            with pinned(source, patience_seconds) as pin:
                descriptor = pin.descriptor
                _refuse_unfit(source, descriptor, folder)
                if _is_foreign(source, descriptor, allowed=allow_corrupt):
                    return _take_damaged(source, descriptor, destination, progress)
                try:
                    _take(source, pin, destination, progress, patience_seconds)
                    header = read_header(descriptor)
                    return finish_image(destination, header.sqlite_version if header else None)
                except (apsw.CorruptError, apsw.NotADBError) as error:
                    if allow_corrupt:
                        return _take_damaged(source, descriptor, destination, progress)
                    raise _damaged(source, descriptor, error) from error
        except BaseException:
            remove_sidecars(destination)
            destination.unlink(missing_ok=True)
            raise


def regular_file(source: Path) -> Path:
    """The real path: `-wal` and `-journal` lie beside that, also when `source` is a symbolic link."""
    try:
        source = source.resolve(strict=True)
        mode = source.stat().st_mode
    except FileNotFoundError:
        raise SourceError(f"{source} does not exist: check the path") from None
    except OSError as error:
        reason = "links in a circle" if error.errno == errno.ELOOP else error.strerror
        raise SourceError(f"{source} cannot be reached: {reason}") from None
    except RuntimeError:
        raise SourceError(f"{source} cannot be reached: links in a circle") from None
    if stat.S_ISDIR(mode):
        raise SourceError(f"{source} is a folder: name the database file in it")
    if not stat.S_ISREG(mode):
        raise SourceError(f"{source} is not a regular file: name a database file")
    refuse_odd_sidecars(source)
    return source


def _refuse_unfit(source: Path, descriptor: int, folder: Path) -> None:
    size = os.fstat(descriptor).st_size
    if size == 0:
        # SQLite takes it for an empty database; a database that lost its content looks just the same.
        raise CorruptSource(f"{source} is empty (0 bytes) and holds no database: check the path, or what emptied it")
    wal = Path(f"{source}-wal")
    # The copied WAL, and what it adds to the main file when the copy is recovered.
    needed = size + 2 * (wal.stat().st_size if wal.exists() else 0) + _SPARE_BYTES
    check_room(folder, needed, str(source), None if folder == source.parent else SET_TMPDIR)


def _is_foreign(source: Path, descriptor: int, *, allowed: bool) -> bool:
    foreign = why_unreadable(os.pread(descriptor, HEADER_SIZE, 0))
    if foreign is not None and not allowed:
        raise CorruptSource(f"{source} {foreign}; {_KEEP_PAGES}")
    return foreign is not None


def _take(source: Path, pin: Pin, destination: Path, progress: Progress | None, patience_seconds: float) -> None:
    for attempt in range(_ATTEMPTS):
        options = _ways_in(source, pin, attempt)
        if options is not None and _read_through(source, pin, destination, options, progress, patience_seconds):
            return
        if copy_files(source, pin.descriptor, destination, progress):
            _recover(destination)
            return
    raise SourceError(f"{source} changed during each of {_ATTEMPTS} tries to copy it: try again")


def _ways_in(source: Path, pin: Pin, attempt: int) -> list[str] | None:
    """The URI options under which SQLite may open the source; None when it would make files beside it."""
    if not _is_wal(source, pin.descriptor) or wal_is_live(source):
        return ["readonly_shm=1"]
    if attempt and all(Path(f"{source}{suffix}").exists() for suffix in ("-wal", "-shm")):
        # Someone opens and closes it all the time. Under our pin these two stay, so joining makes no file.
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
    """Has SQLite read the source; False when it would have to recover it first."""
    try:
        with closing(open_read_only(source, *options)) as reader:
            reader.set_busy_timeout(int(patience_seconds * 1000))
            reader.execute("BEGIN")
            # Unlike a SELECT, this first read does not parse the schema, which may be damaged.
            reader.execute("PRAGMA schema_version").get  # noqa: B018
            pin.let_writers_queue()
            if _is_wal(source, pin.descriptor):
                copy_pages(reader, destination, progress)
            else:
                copy_main_file(pin.descriptor, destination, progress, _whole_pages(pin.descriptor))
    except (apsw.ReadOnlyError, apsw.CantOpenError) as error:
        if _wants_recovery(error):
            return False
        raise
    return True


def _wants_recovery(error: apsw.Error) -> bool:
    code: int = error.extendedresult  # type: ignore[attr-defined]  # the stubs have it in prose only
    return isinstance(error, apsw.CantOpenError) or code in _WANTS_RECOVERY


def _is_wal(source: Path, descriptor: int) -> bool:
    header = read_header(descriptor)
    # SQLite reads a -wal that lies there whatever the header says.
    return (header is not None and header.journal_mode == "wal") or Path(f"{source}-wal").exists()


def _whole_pages(descriptor: int) -> int:
    """The bytes of the database's pages; what is behind them in a longer file belongs to nothing.

    Raises apsw.Error where the file is shorter: SQLite takes a file of less than a page for an empty one, and reads
    zeros behind a cut last page.
    """
    header, size = read_header(descriptor), os.fstat(descriptor).st_size
    if header is None:
        raise apsw.NotADBError("no header")
    wanted = header.page_size * (header.page_count or -(-size // header.page_size))
    if size < wanted:
        raise apsw.CorruptError("cut off")
    return wanted


def _recover(image: Path) -> None:
    """Lets SQLite roll back or replay what was copied beside the image, until the image stands alone."""
    if any(Path(f"{image}{suffix}").exists() for suffix in SIDECARS):
        with closing(apsw.Connection(os.fspath(image), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            distrust(connection)
            connection.execute("PRAGMA schema_version").get  # noqa: B018  the first read recovers
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if _size(Path(f"{image}-wal")):
            raise SourceError(f"the copy of the -wal could not be brought into {image}: try again")
    remove_sidecars(image)


def _take_damaged(source: Path, descriptor: int, image: Path, progress: Progress | None) -> FileSnapshot:
    for _ in range(_ATTEMPTS):
        if copy_files(source, descriptor, image, progress):
            break
    else:
        raise SourceError(f"{source} changed during each of {_ATTEMPTS} tries to copy it: try again")
    remove_sidecars(image)
    header = read_header(descriptor)
    size = image.stat().st_size
    if header is None:  # its bytes are kept all the same: they may be encrypted, or somebody may repair them
        return FileSnapshot(image, "delete", _SMALLEST_PAGE, size // _SMALLEST_PAGE, size, "unknown")
    pages = size // header.page_size
    return FileSnapshot(image, header.journal_mode, header.page_size, pages, size, header.sqlite_version)


def _damaged(source: Path, descriptor: int, error: apsw.Error) -> CorruptSource:
    header, size = read_header(descriptor), os.fstat(descriptor).st_size
    if header is None:
        return CorruptSource(f"{source} is not a SQLite database, or it is encrypted")
    wanted = header.page_size * (header.page_count or 1)
    if size < wanted:
        return CorruptSource(f"{source} is truncated: {count(size, 'byte')} where its header promises {wanted}")
    return CorruptSource(f"{source} is damaged: {error}")


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
