"""Private scratch folders that do not outlive their run, not even one that was killed.

Each folder holds a lock file, locked for as long as its process lives. Whoever makes the next
folder removes those whose lock is free: their makers are gone.
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
    """A new folder, readable by its owner only, below `parent` (or the user's place under TMPDIR).

    Raises SourceError when it cannot be made. Errors of the block pass through as they are.
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
            # Only now does it get the name that sweepers look at: they never see it unlocked while we live.
            ready = parent / (_READY + folder.name.removeprefix(_UNREADY))
            stack.callback(shutil.rmtree, ready, ignore_errors=True)
            folder.rename(ready)
        except OSError as error:
            to_do = "repair it, or set TMPDIR" if below_tmpdir else "let this user write there, or choose another place"
            raise SourceError(
                f"scratch folder in {parent or 'TMPDIR'} cannot be made ({error.strerror}): {to_do}"
            ) from error
        yield ready


def _temporary_folder() -> Path:
    """TMPDIR when it is set, and never another folder in its stead: plain copies of databases lie there."""
    wanted = wanted_tmpdir()
    if wanted is not None and not (Path(wanted).is_dir() and os.access(wanted, os.W_OK)):
        raise SourceError(f"TMPDIR={wanted} is no folder that can be written: correct it, or unset it")
    return Path(wanted or tempfile.gettempdir())


def _place_below(temporary: Path) -> Path:
    """This user's place below TMPDIR, made if needed.

    Another user can take the usual name, which anyone can guess: then it is one with a random end, found again by the
    next run, which removes what a killed one left.
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
            return usual  # made by another run of ours this moment
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
        return _is_old(folder)  # being removed by its owner this moment, or by one that was killed doing so
    except OSError:
        return False  # locked: its maker lives
    return True


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _UNREADY_FOR_SECONDS
    except OSError:
        return False
