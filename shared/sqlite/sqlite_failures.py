"""Converts errors of SQLite and the system into errors that say what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from shared.errors import CorruptSource, NoMemory, SourceError
from shared.runtime.disk import SET_TMPDIR, no_room

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def sqlite_errors(database: Path, scratch: Path) -> Iterator[None]:
    """Converts errors of SQLite and the system, about `database` or files in `scratch`, into LitekeepErrors."""
    try:
        yield
    except apsw.InterruptError:  # handled by the code that interrupted
        raise
    except apsw.NoMemError:
        raise NoMemory(f"{database} takes more memory than there is: give this process more") from None
    except apsw.Error as error:
        raise _from_sqlite(error, database, scratch) from error
    except OSError as error:
        raise from_system(error, database, scratch) from error


def from_system(error: OSError, database: Path, scratch: Path) -> SourceError:
    if error.errno in _NO_ROOM:
        return _no_room(database, scratch)
    where = error.filename or database
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{where} does not exist: check the path")
    if isinstance(error, PermissionError):
        return SourceError(f"{where} cannot be read by this user: permission denied")
    return SourceError(f"{where} failed while {database} was read: {error.strerror or type(error).__name__}")


def kind_of(error: BaseException) -> str:
    """Returns SQLite's name of an error, such as SQLITE_CORRUPT, without its text, which may quote values."""
    name = apsw.mapping_result_codes.get(int(getattr(error, "result", 0))) if isinstance(error, apsw.Error) else None
    return str(name or type(error).__name__)


def _no_room(database: Path, scratch: Path) -> SourceError:
    # No setting moves files that must be beside the database.
    return no_room(scratch, str(database), otherwise=None if scratch == database.parent else SET_TMPDIR)


def _from_sqlite(error: apsw.Error, database: Path, scratch: Path) -> SourceError:
    match error:
        case apsw.NotADBError():
            return CorruptSource(f"{database} is not a SQLite database, or it is encrypted")
        case apsw.CorruptError():
            return CorruptSource(f"{database} is damaged: {error}")
        case apsw.BusyError() | apsw.LockedError():
            return SourceError(f"{database} is locked by another process: try again when it is done")
        case apsw.FullError():
            return _no_room(database, scratch)
        case apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return SourceError(f"{database} cannot be opened: check the permissions of it and of its folder")
        case _:
            return SourceError(f"{database} cannot be used by SQLite: {error}")
