"""A file that holds a secret key: made whole with mode 0600 and never over anything, read only when it is guarded."""

import os
import stat
import tempfile
from pathlib import Path

from shared.errors import KeyProblem, UsageError
from shared.runtime.so_far import note

_LARGEST = 64 << 10  # bytes; ours have about 400


def create_private(path: Path, content: bytes) -> None:
    """Makes the file and the folders above it, whole or not at all.

    Raises UsageError when something is at `path` already, KeyProblem when the folder refuses.
    """
    try:
        _make_folder(path.parent)
    except OSError as error:
        raise KeyProblem(f"key file {path} cannot be made: its folder cannot be ({error.strerror})") from None
    try:
        _create(path, content)
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
        raise KeyProblem(f"key file {path} cannot be opened: {error.strerror}; mend its permissions") from None
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
    _sync_folder(folder.parent)


def _check_guarded(path: Path, mode: int, setting: str) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise KeyProblem(f"key file {path} is {what}: set {setting} to file:PATH of a key file")
    if mode & 0o077:
        raise KeyProblem(f"key file {path} is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")


def _create(path: Path, content: bytes) -> None:
    """The file under its own name is either not there or whole, wherever this is killed."""
    descriptor, temporary = tempfile.mkstemp(prefix=".new-key-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        own = Path(temporary).stat()
        note("key", lambda: f"{path} {'is made' if _is_at(own, path) else 'was not made'}")
        os.link(temporary, path)  # unlike a rename, never over anything
    finally:
        Path(temporary).unlink()
    _sync_folder(path.parent)


def _is_at(own: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(own, path.lstat())
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
