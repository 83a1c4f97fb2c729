"""Giving a finished file its name, in one step, on a name that was free."""

import os
from pathlib import Path

from shared.errors import SourceError, UsageError
from shared.runtime.files import publish
from shared.sqlite.neighbours import SIDECARS, refuse_foreign_folder


def check_new(target: Path) -> None:
    """Raises UsageError when `target` is taken, has no folder, or would inherit an old `-wal` or journal; and as root
    when another user could swap files in its folder.
    """
    if not target.parent.is_dir():
        raise UsageError(f"folder {target.parent} is not there: make it, or choose another target")
    refuse_foreign_folder(target)
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already: choose another target, or --in-place to replace a database")
    for suffix in SIDECARS:
        stale = Path(f"{target}{suffix}")
        if os.path.lexists(stale):
            raise UsageError(f"{stale} would become part of the new database: remove it, or choose another target")


def publish_new(temporary: Path, target: Path) -> None:
    """Moves the closed file `temporary`, on the same file system, to the free name `target`.

    Killed in between, `target` is whole or is not there; on file systems without hard links it may be an empty file.
    Raises UsageError as `check_new` does, SourceError when the file system refuses.
    """
    check_new(target)
    try:
        publish(temporary, target, "file")
    except FileExistsError:
        raise UsageError(f"{target} is there already: choose another target") from None
    except OSError as error:
        raise SourceError(f"{target} cannot be put in place: {error.strerror}") from error
