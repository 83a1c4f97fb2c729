"""Replaces a database file by a restored one, after a safety backup.

Imported only for restores in place: taking a backup needs many modules that other restores do not.
"""

from pathlib import Path

from shared.clock import Clock
from shared.databases.file_database import of_file
from shared.databases.interface import Snapshot
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.permitted import redeem
from shared.operations.restore.safety import safety_backup
from shared.runtime.progress import Progress
from shared.sqlite.replace import InPlace


def replace_file(target: Path, path: Path, options: RestoreOptions, clock: Clock, progress: Progress) -> str:
    """Puts the prepared file `path` in the place of `target`. Returns the safety backup."""
    with InPlace(target, clock()) as held:
        safety = _safety(held, options, clock, progress)
        redeem(options)
        held.swap(path)
    return safety


def _safety(held: InPlace, options: RestoreOptions, clock: Clock, progress: Progress) -> str:
    """Backs up the current file: in the store, or byte for byte beside it if SQLite cannot open it.

    Returns the backup's id or the path.
    """
    if held.damaged:
        return str(held.keep_bytes())

    def copy(destination: Path) -> Snapshot:
        return of_file(held.snapshot(destination), Path(options.target.display))

    return safety_backup(options).take_even_damaged(clock, progress, snapshot=copy)
