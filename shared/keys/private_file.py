"""Files with a secret key: created atomically with mode 0600, never overwritten, and refused if open to others."""

import os
import stat
from pathlib import Path

from shared.errors import KeyProblem, UsageError
from shared.runtime.files import sync, write_new
from shared.settings.files import check_own_file

_LARGEST = 64 << 10  # bytes; ours have about 400


def key_path(setting: str) -> Path:
    """Returns the path in a setting `file:PATH`.

    Raises KeyProblem if `~` cannot be expanded, UsageError if another user owns the file or can write it.
    """
    path = Path(setting.removeprefix("file:"))
    try:
        path = path.expanduser()
    except RuntimeError:
        raise KeyProblem(f"key file {path}: there is no such user, or no home folder; write the path in full") from None
    check_own_file(path)
    return path


def create_private(path: Path, content: bytes) -> None:
    """Creates the file, atomically, and the folders above it.

    Raises UsageError if `path` exists, KeyProblem if the folder cannot be created or written.
    """
    try:
        _make_folder(path.parent)
    except OSError as error:
        raise KeyProblem(
            f"cannot create key file {path}: its folder cannot be created ({error.strerror}); name another folder"
        ) from None
    try:
        write_new(path, content, "key", claiming=False)  # a file system without hard links has no modes either
    except FileExistsError:
        raise UsageError(
            f"cannot create key file {path}: it exists, and a lost key cannot be recovered; name another file"
        ) from None
    except OSError as error:
        raise KeyProblem(
            f"cannot create key file {path}: {error.strerror}; name a file in a folder that you can write"
        ) from None


def read_private(path: Path, setting: str, first: str) -> bytes:
    """Returns the file's bytes. For the error line, `setting` is the setting that names the file, and `first` says how
    to create one.

    Raises KeyProblem if it is missing, open to others, or not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyProblem(
            f"key file {path} is missing: restore it from where you keep it, or set {setting} to another; {first}"
        ) from None
    except OSError as error:
        raise KeyProblem(f"key file {path} cannot be opened: {error.strerror}; correct its permissions") from None
    try:
        _check_guarded(path, os.fstat(descriptor).st_mode, setting)
        return os.read(descriptor, _LARGEST)
    except OSError as error:
        raise KeyProblem(f"key file {path} cannot be read: {error.strerror}; restore it") from None
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Creates a folder and its missing parents, each synced to disk. Raises OSError."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700)
    sync(folder.parent)


def _check_guarded(path: Path, mode: int, setting: str) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise KeyProblem(f"key file {path} is {what}: set {setting} to file:PATH of a key file")
    if mode & 0o077:
        raise KeyProblem(f"key file {path} is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")
