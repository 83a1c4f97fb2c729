"""Translates file system errors into StoreErrors: one line with what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import StoreError

_FULL = "no space is left there (or a quota is used up): free some, or name another store"
_DENIED = "permission denied: let user id {user} read and write there, or name another store"
_TO_DO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "its file system is read-only: mount it writable, or name another store",
    errno.ENOTDIR: "a file or a symlink is in the place of a folder: move it away, or name another store",
    errno.ENAMETOOLONG: "the name is too long for its file system: use a shorter one",
    errno.EXDEV: "the file is not on the store's file system: write it in the store's staging folder",
}


@contextmanager
def file_errors(url: str, action: str) -> Iterator[None]:
    """Raises an OSError of the block as a StoreError: `action` failed in the store `url`."""
    try:
        yield
    except OSError as error:
        raise folder_problem(error, url, action) from error


def folder_problem(error: OSError, url: str, action: str) -> StoreError:
    """Returns the StoreError for an OSError of a folder store, with what to do about it."""
    other = f"{error.strerror or type(error).__name__}: check the disk, and try again"
    to_do = _TO_DO.get(error.errno or 0, other).format(user=os.geteuid())
    return StoreError(f"{action} failed in store {url}: {to_do}")
