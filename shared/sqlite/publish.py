"""Giving a finished file its name, in one step, on a name that was free."""

import errno
import os
from pathlib import Path

from shared.errors import SourceError, UsageError
from shared.runtime.so_far import note
from shared.sqlite.neighbours import SIDECARS, refuse_foreign_folder

_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def check_new(target: Path) -> None:
    """Raises UsageError when `target` is taken, has no folder, or would inherit an old `-wal` or journal; and as root
    when another user could swap files in its folder.
    """
    if not target.parent.is_dir():
        raise UsageError(f"folder {target.parent} is not there: make it, or choose another target")
    refuse_foreign_folder(target)
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already: choose another target, or --in-place to replace a database")
    for suffix in SIDECARS:
        stale = Path(f"{target}{suffix}")
        if os.path.lexists(stale):
            raise UsageError(f"{stale} would become part of the new database: remove it, or choose another target")


def publish_new(temporary: Path, target: Path) -> None:
    """Moves the closed file `temporary`, on the same file system, to the free name `target`.

    The order of effects: content on disk, name, folder on disk, old name gone. Killed in between, `target` is
    whole or is not there; on file systems without hard links it may also be an empty file.
    Raises UsageError as `check_new` does, SourceError when the file system refuses.
    """
    check_new(target)
    try:
        own = temporary.stat()
        note("file", lambda: f"{target} {'is whole' if _is_at(own, target) else 'was not made'}")
        sync(temporary)
        _give_name(temporary, target)
        sync(target.parent)
    except FileExistsError:
        raise UsageError(f"{target} is there already: choose another target") from None
    except OSError as error:
        raise SourceError(f"{target} cannot be put in place: {error.strerror}") from error
    temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Has the system put a file, or a folder's names, on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_at(own: os.stat_result, target: Path) -> bool:
    """Whether the file of that number has the name; asked when a run is interrupted around the moment it gets it."""
    try:
        return os.path.samestat(own, target.lstat())
    except OSError:
        return False


def _give_name(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # Without hard links the name is claimed by an empty file, and that one replaced.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise
