"""Refuses files that another user of the machine could have put beside a database or in its place."""

import os
import pwd
import stat
from pathlib import Path

from shared.errors import SourceError, UsageError

# SQLite uses any file with these suffixes as a part of the database.
SIDECARS = ("-wal", "-journal", "-shm")

_GROUP_WRITES, _OTHERS_WRITE = 0o020, 0o002
_ROOT = 0


def refuse_odd_sidecars(database: Path) -> None:
    """Raises SourceError if a `-wal`, `-journal` or `-shm` beside the database is not a regular file.

    SQLite would wait for a FIFO forever, and follow a link to another user's file.
    """
    for suffix in SIDECARS:
        sidecar = Path(f"{database}{suffix}")
        try:
            mode = sidecar.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SourceError(f"{sidecar} cannot be accessed: {error.strerror}") from None
        if not stat.S_ISREG(mode):
            raise SourceError(f"{sidecar} is not a regular file, so SQLite did not create it: remove it, and try again")


def refuse_foreign_folder(target: Path) -> None:
    """Refuses, as root, to create a file in a folder where another user could swap files meanwhile.

    That user could make root write to any file, or read what only root may read. The folder and every folder above it
    must belong to root and be writable by nobody else. A sticky folder such as /tmp is accepted: there nobody can
    rename a file of another user. Other users than root are not checked: they risk only their own files.
    Raises UsageError.
    """
    if os.geteuid() != _ROOT:
        return
    folder = target.parent.resolve()
    for each in (folder, *folder.parents):
        try:
            found = each.stat()
        except OSError:
            return  # the next use of the folder reports this error
        if found.st_uid != _ROOT:
            user = _name_of(found.st_uid)
            raise UsageError(
                f"{each} belongs to {user}, who could swap what root writes to {target}: "
                f"run this as {user} (sudo -u {user} …), or choose a folder of root's"
            )
        if _is_writable_by_others(found):
            raise UsageError(
                f"{each} can be written by others, who could swap what root writes to {target}: "
                f"chmod go-w {each}, or choose another folder"
            )


def refuse_foreign_place(database: Path) -> None:
    """Refuses, as root, to write to an existing database that another user could swap meanwhile.

    Checks the path and, where it is a link, also the file it leads to. In a sticky folder the database and the files
    that SQLite keeps beside it must belong to root, as their owners can rename them. Raises UsageError.
    """
    for place in dict.fromkeys((database.absolute(), database.resolve())):
        refuse_foreign_folder(place)
        if os.geteuid() == _ROOT and place.parent.stat().st_mode & stat.S_ISVTX:
            for suffix in ("", *SIDECARS):
                _refuse_foreign_file(Path(f"{place}{suffix}"))


def _refuse_foreign_file(path: Path) -> None:
    try:
        owner = path.lstat().st_uid
    except OSError:
        return  # opening the file reports this error
    if owner != _ROOT:
        raise UsageError(
            f"{path} belongs to {_name_of(owner)}, who could swap it while root writes: "
            "move the database to a folder that only root can write to"
        )


def _is_writable_by_others(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_ISVTX:
        return False
    by_group = found.st_mode & _GROUP_WRITES and found.st_gid != _ROOT
    return bool(found.st_mode & _OTHERS_WRITE or by_group)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"  # as sudo accepts it


def open_regular(path: Path) -> int:
    """Opens a regular file for reading, without following a link or waiting for a FIFO; returns its descriptor.

    Raises SourceError if it is not a regular file, OSError if it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceError(f"{path} is not a regular file: remove it, and try again")
    return descriptor
