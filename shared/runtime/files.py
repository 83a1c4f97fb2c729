"""Atomic creation of files: sync the content, give the file its name, then sync the folder."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.runtime.so_far import note

NO_HARD_LINKS = frozenset(
    (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
)  # errors of os.link on FAT and some network file systems
_LONGEST = 100  # characters of a name in the name of its temporary file


def sync(path: Path) -> None:
    """Syncs a file or a folder to disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, target: Path, topic: str, *, claiming: bool = True) -> None:
    """Moves the closed file `temporary` to the free name `target` on the same file system. Never overwrites.

    If the process is killed meanwhile, `target` is complete or does not exist. On file systems without hard links,
    `claiming` allows that it may also be an empty file then; without `claiming` such a file system is an error. An
    interrupted run reports the outcome under `topic`. Raises FileExistsError, OSError.
    """
    own = temporary.stat()
    note(topic, lambda: f"{target} {'is whole' if _is_at(own, target) else 'was not made'}")
    sync(temporary)
    give_name(temporary, target, claiming=claiming)
    if temporary.parent.absolute() == target.parent.absolute():  # one sync covers both changes of the folder
        temporary.unlink(missing_ok=True)
        sync(target.parent)
    else:
        sync(target.parent)
        temporary.unlink(missing_ok=True)


def write_new(path: Path, content: bytes, topic: str, *, mode: int = 0o600, claiming: bool = True) -> None:
    """Creates a file with this content like `publish`. Raises FileExistsError, OSError."""
    with _written(path, content, mode) as temporary:
        publish(temporary, path, topic, claiming=claiming)


def replace_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Creates or replaces a file. After a power cut either the old or the new content is there. Raises OSError."""
    with _written(path, content, mode) as temporary:
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)


def give_name(temporary: Path, target: Path, *, claiming: bool = True) -> None:
    """Gives the file its name without overwriting, unlike a rename; see `publish`."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError as error:
        if not claiming or error.errno not in NO_HARD_LINKS:
            raise
        # Without hard links, an empty file claims the name and is then replaced.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise


def _is_at(own: os.stat_result, target: Path) -> bool:
    """Returns whether the file has its name already, for the report of an interrupted run."""
    try:
        return os.path.samestat(own, target.lstat())
    except OSError:
        return False


@contextmanager
def _written(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Yields a temporary file beside `path` with this content. It is removed if the block raises."""
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
