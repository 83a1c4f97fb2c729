"""Private scratch folders, which are removed after the run even if it was killed.

Each folder contains a lock file that is locked as long as its process lives. The next run removes all folders whose
lock is free, because their processes are gone.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from shared.errors import SourceError
from shared.settings import wanted_tmpdir

_LOCK = ".lock"
_READY = "run-"
_UNREADY = "new-"
_UNREADY_FOR_SECONDS = 3600


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Creates a folder, readable by its owner only, in `parent` or in the user's folder below TMPDIR.

    Removes it after the block. Raises SourceError if it cannot be created. Errors of the block pass through unchanged.
    """
    below_tmpdir = parent is None
    with ExitStack() as stack:
        try:
            parent = _place_below(_temporary_folder()) if parent is None else _private_place(parent)
            _sweep(parent)
            folder = Path(tempfile.mkdtemp(prefix=_UNREADY, dir=parent))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            lock = stack.enter_context((folder / _LOCK).open("xb"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Renamed after it was locked: a sweep by another run never finds the folder unlocked while we live.
            ready = parent / (_READY + folder.name.removeprefix(_UNREADY))
            stack.callback(shutil.rmtree, ready, ignore_errors=True)
            folder.rename(ready)
        except OSError as error:
            to_do = "repair it, or set TMPDIR" if below_tmpdir else "let this user write there, or choose another place"
            raise SourceError(
                f"cannot create a scratch folder in {parent or 'TMPDIR'} ({error.strerror}): {to_do}"
            ) from error
        yield ready


def _temporary_folder() -> Path:
    """Returns TMPDIR, or the system's default if it is not set. Raises SourceError if TMPDIR is unusable.

    There is no fallback then, because unencrypted copies of databases are stored there.
    """
    wanted = wanted_tmpdir()
    if wanted is not None and not (Path(wanted).is_dir() and os.access(wanted, os.W_OK)):
        raise SourceError(f"TMPDIR={wanted} is not a writable folder: correct it, or unset it")
    return Path(wanted or tempfile.gettempdir())


def _place_below(temporary: Path) -> Path:
    """Returns this user's folder below TMPDIR, and creates it if needed.

    The usual name can be guessed and taken by another user. Then the folder has a random suffix, and the next run finds
    it again, so that folders of killed runs are still removed.
    """
    usual = temporary / f"litekeep-{os.getuid()}"
    for place in (usual, *sorted(temporary.glob(f"{usual.name}-*"))):
        try:
            if _is_own_folder(place.lstat()):
                return place
        except FileNotFoundError:
            continue
    try:
        usual.mkdir(mode=0o700)
    except FileExistsError:
        if _is_own_folder(usual.lstat()):
            return usual  # another run of this user has just created it
        return Path(tempfile.mkdtemp(prefix=f"{usual.name}-", dir=temporary))
    return usual


def _is_own_folder(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _private_place(parent: Path) -> Path:
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise SourceError(f"scratch folder {parent} is a link, or belongs to someone else: remove it")
    return parent


def _sweep(parent: Path) -> None:
    for folder in parent.iterdir():
        if (folder.name.startswith(_READY) and _is_abandoned(folder)) or (
            folder.name.startswith(_UNREADY) and _is_old(folder)
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return _is_old(folder)  # its owner is just removing it, or was killed while doing so
    except OSError:
        return False  # locked: its process lives
    return True


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _UNREADY_FOR_SECONDS
    except OSError:
        return False
