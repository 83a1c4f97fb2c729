"""Files that a crash leaves whole or absent: content on disk first, then the name, then the folder on disk."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.runtime.so_far import note

NO_HARD_LINKS = frozenset(
    (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
)  # what os.link answers on FAT and some network disks
_LONGEST = 100  # characters of a name that is made longer


def sync(path: Path) -> None:
    """Puts a file's content, or a folder's names, on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, target: Path, topic: str, *, claiming: bool = True) -> None:
    """Moves the closed file `temporary`, on the same file system, to the free name `target`, never over anything.

    Killed in between, `target` is whole or is not there; with `claiming`, on file systems without hard links, it may
    also be an empty file. Without it such a file system is refused. An interruption reports the outcome under `topic`.
    Raises FileExistsError, or OSError when the file system refuses.
    """
    own = temporary.stat()
    note(topic, lambda: f"{target} {'is whole' if _is_at(own, target) else 'was not made'}")
    sync(temporary)
    give_name(temporary, target, claiming=claiming)
    if temporary.parent.absolute() == target.parent.absolute():  # one sync puts both changes of the folder on disk
        temporary.unlink(missing_ok=True)
        sync(target.parent)
    else:
        sync(target.parent)
        temporary.unlink(missing_ok=True)


def write_new(path: Path, content: bytes, topic: str, *, mode: int = 0o600, claiming: bool = True) -> None:
    """Makes the file as `publish` does. Raises FileExistsError, OSError."""
    with _written(path, content, mode) as temporary:
        publish(temporary, path, topic, claiming=claiming)


def replace_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Makes the file or replaces it: a machine that loses power has the old one or the new one. Raises OSError."""
    with _written(path, content, mode) as temporary:
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)


def give_name(temporary: Path, target: Path, *, claiming: bool = True) -> None:
    """Gives the file its name, unlike a rename never over anything; see `publish`."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError as error:
        if not claiming or error.errno not in NO_HARD_LINKS:
            raise
        # Without hard links the name is claimed by an empty file, and that one replaced.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise


def _is_at(own: os.stat_result, target: Path) -> bool:
    """Whether the file of that number has the name; asked when a run is interrupted around the moment it gets it."""
    try:
        return os.path.samestat(own, target.lstat())
    except OSError:
        return False


@contextmanager
def _written(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A file of its own beside `path`, which is gone after the block unless it was given another name."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:_LONGEST]}-", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if mode != 0o600:
                os.fchmod(descriptor, mode)
        yield temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
