"""Walking a folder that others may write to: by descriptors, so that no symlink below it is ever followed."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.stores.object_names import is_object_name

_DEEPEST = 16  # folders; no name of ours has more than five parts
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def opened_folder(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder that `parts` lead to below `root`, made where missing (0700) with `make`.

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
        # Also when it was there: whoever made it may have been killed before this.
        sync_folder(parent)
    return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)


def sync_folder(descriptor: int) -> None:
    """Makes the folder's entries outlive a crash, where its file system can."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # this file system has no such thing
            raise


def walk_files(folder: int, prefix: str, start: str, above: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """The plain files below an open folder whose names begin with `prefix`, in the order of their full names.

    Those before `start` are left out.

    Hidden names, symlinks, devices and names that no store takes are somebody else's: passed over.
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
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:  # deleted since
                continue
            if stat.S_ISREG(found.st_mode):
                yield full, found


def generation_of(found: os.stat_result) -> str:
    """What tells this content of a name from every other that it may have had or get."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


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
    """The names of files and folders; a folder's name ends with the slash that it sorts by."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            if is_object_name(entry.name):
                if entry.is_dir(follow_symlinks=False):
                    entries.append(entry.name + "/")
                elif entry.is_file(follow_symlinks=False):
                    entries.append(entry.name)
    return sorted(entries)
