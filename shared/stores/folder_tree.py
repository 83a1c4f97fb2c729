"""Walks a folder that others may write to. It uses descriptors, so that no symlink below it is followed."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.stores.object_names import is_object_name

_DEEPEST = 16  # folders; Litekeep's names have at most five parts
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def opened_folder(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Opens the folder at `parts` below `root` and yields its descriptor. `make` creates missing folders (0700).

    Raises FileNotFoundError, NotADirectoryError (also for a symlink below `root`), or another OSError.
    """
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            below = _enter(descriptor, part, make)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(parent: int, part: str, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=parent)
        # Also for an existing folder: its creator may have been killed before the fsync.
        sync_folder(parent)
    return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)


def sync_folder(descriptor: int) -> None:
    """Flushes the folder's entries to disk, if its file system supports that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # not supported by this file system
            raise


def walk_files(folder: int, prefix: str, start: str, above: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yields the plain files below an open folder whose names begin with `prefix`, ordered by full name.

    Skips names before `start`, and what does not belong to the store: hidden names, symlinks, devices and names that
    no store accepts.
    """
    if above.count("/") >= _DEEPEST:
        return
    for name in _sorted_entries(folder):
        full, is_folder = above + name, name[-1] == "/"
        if full < start and not (is_folder and start.startswith(full)):
            continue
        if is_folder:
            if full.startswith(prefix) or prefix.startswith(full):
                yield from _walk_below(folder, name, prefix, start, full)
        elif full.startswith(prefix):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:  # deleted since
                continue
            if stat.S_ISREG(status.st_mode):
                yield full, status


def generation_of(status: os.stat_result) -> str:
    """Returns the generation of a file: each content that the name ever has gets another one."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _walk_below(folder: int, name: str, prefix: str, start: str, full: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        below = os.open(name.removesuffix("/"), _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):  # gone, or replaced since
        return
    try:
        yield from walk_files(below, prefix, start, full)
    finally:
        os.close(below)


def _sorted_entries(folder: int) -> list[str]:
    """Returns the names of files and folders, sorted. A folder's name ends with a slash, which it sorts by."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            if is_object_name(entry.name):
                if entry.is_file(follow_symlinks=False):
                    entries.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    entries.append(entry.name + "/")
    return sorted(entries)
