"""What another user of the machine can put beside a database, or in its place, and why it is refused."""

import os
import pwd
import stat
from pathlib import Path

from shared.errors import SourceError, UsageError

# Whatever lies there under these names, SQLite takes for a part of the database.
SIDECARS = ("-wal", "-journal", "-shm")

_GROUP_WRITES, _OTHERS_WRITE = 0o020, 0o002
_ROOT = 0


def refuse_odd_sidecars(database: Path) -> None:
    """Refuses a database beside which something other than a plain file lies under a name that SQLite opens.

    SQLite would read from a FIFO for ever, and follow a link to a file of somebody else. Raises SourceError.
    """
    for suffix in SIDECARS:
        sidecar = Path(f"{database}{suffix}")
        try:
            mode = sidecar.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SourceError(f"{sidecar} cannot be looked at: {error.strerror}") from None
        if not stat.S_ISREG(mode):
            raise SourceError(f"{sidecar} is no regular file, so it is not SQLite's: remove it, and try again")


def refuse_foreign_folder(target: Path) -> None:
    """Refuses, as root, to write a database into a folder in which another user could swap files meanwhile.

    He could have root write to any file, or read what was restored for nobody but root. The folder and each one above
    it must be root's and writable by nobody else; above it the sticky bit is enough, as of /tmp, where nobody can
    rename what is not his own. Who is not root can give away no more than his own. Raises UsageError.
    """
    if os.geteuid() != _ROOT:
        return
    folder = target.parent.resolve()
    for each in (folder, *folder.parents):
        try:
            found = each.stat()
        except OSError:
            return  # whoever uses the folder says why it cannot be reached
        if found.st_uid != _ROOT:
            user = _name_of(found.st_uid)
            raise UsageError(
                f"{each} belongs to {user}, who could swap what root writes to {target}: "
                f"run this as {user} (sudo -u {user} …), or choose a folder of root's"
            )
        if _others_write(found):
            raise UsageError(
                f"{each} can be written by others, who could swap what root writes to {target}: "
                f"chmod go-w {each}, or choose another folder"
            )


def _others_write(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_ISVTX:
        return False
    by_group = found.st_mode & _GROUP_WRITES and found.st_gid != _ROOT
    return bool(found.st_mode & _OTHERS_WRITE or by_group)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"  # as sudo takes it


def open_regular(path: Path) -> int:
    """Opens a plain file for reading, without following a link or waiting for a FIFO; returns its descriptor.

    Raises SourceError when it is anything else, OSError when it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceError(f"{path} is no regular file: remove it, and try again")
    return descriptor
