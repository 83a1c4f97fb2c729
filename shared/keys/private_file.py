"""A file that holds a secret key: made whole with mode 0600 and never over anything, read only when it is guarded."""

import os
import stat
from pathlib import Path

from shared.errors import KeyProblem, UsageError
from shared.runtime.files import sync, write_new
from shared.settings.files import check_own_file

_LARGEST = 64 << 10  # bytes; ours have about 400


def key_path(setting: str) -> Path:
    """Returns where the key file of a setting (`file:PATH`) is.

    Raises KeyProblem for the home of a user who has none, UsageError when another user owns the file or can write it.
    """
    path = Path(setting.removeprefix("file:"))
    try:
        path = path.expanduser()
    except RuntimeError:
        raise KeyProblem(f"key file {path}: there is no such user, or no home folder; write the path in full") from None
    check_own_file(path)
    return path


def create_private(path: Path, content: bytes) -> None:
    """Makes the file and the folders above it, whole or not at all.

    Raises UsageError when something is at `path` already, KeyProblem when the folder refuses.
    """
    try:
        _make_folder(path.parent)
    except OSError as error:
        raise KeyProblem(f"key file {path} cannot be made: its folder cannot be ({error.strerror})") from None
    try:
        write_new(path, content, "key", claiming=False)  # without links there are no modes either
    except FileExistsError:
        raise UsageError(
            f"{path} is there already and was left as it is, for a lost key cannot be remade: name another"
        ) from None
    except OSError as error:
        raise KeyProblem(
            f"key file {path} cannot be made: {error.strerror}; name a file in a folder that you can write"
        ) from None


def read_private(path: Path, setting: str, first: str) -> bytes:
    """The file's bytes. `setting` is what names the file, and `first` how one is made.

    Raises KeyProblem when it is missing, open to others, or no plain file.
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
    """Makes a folder and those above it where they are missing, each so that it outlives a crash. Raises OSError."""
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
