"""Renames a finished file to a new name in one step, never over an existing file."""

import os
from pathlib import Path

from shared.errors import SourceError, UsageError
from shared.runtime.files import publish
from shared.sqlite.neighbours import SIDECARS, refuse_foreign_folder


def check_new(target: Path, doing: str | None = None, instead: str = "use another name") -> None:
    """Checks that `target` can be created.

    `doing` and `instead` are for the error line of a target that exists: "cannot `doing`: the file exists; `instead`".
    Raises UsageError if it exists, its folder is missing, or it would inherit an old `-wal` or journal; and for root if
    another user could swap files in its folder.
    """
    if not target.parent.is_dir():
        raise UsageError(f"folder {target.parent} does not exist: create it, or choose another target")
    refuse_foreign_folder(target)
    if os.path.lexists(target):
        raise UsageError(f"cannot {doing or f'write {target}'}: the file exists; {instead}")
    for suffix in SIDECARS:
        stale = Path(f"{target}{suffix}")
        if os.path.lexists(stale):
            raise UsageError(f"{stale} would become part of the new database: remove it, or choose another target")


def publish_new(temporary: Path, target: Path) -> None:
    """Moves the closed file `temporary` to the new name `target` on the same file system.

    After a crash `target` is complete or does not exist; on file systems without hard links it may be an empty file.
    Raises UsageError as `check_new` does, SourceError if the file system refuses.
    """
    check_new(target)
    try:
        publish(temporary, target, "file")
    except FileExistsError:
        raise UsageError(f"cannot write {target}: the file exists; use another name") from None
    except OSError as error:
        raise SourceError(f"cannot write {target}: {error.strerror}") from error
