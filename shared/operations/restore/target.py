"""The interface of restore targets, for SQLite files and SQLite Cloud."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from shared.clock import Clock
from shared.databases.interface import Condition
from shared.databases.location import Location
from shared.model.manifest import Manifest
from shared.operations.restore.file_target import FileTarget
from shared.operations.restore.options import RestoreOptions
from shared.runtime.progress import Progress
from shared.sqlite.location import FileLocation


class RestoreTarget(Protocol):
    """Where a database is restored to. Only `make_new` and `put` write there."""

    def check(self, doing: str, instead: str, *, in_place: bool) -> None:
        """Raises UsageError when a new database would have a taken name, or there is nothing to replace.

        The error line is "cannot `doing`: the file exists; `instead`", for example.
        """

    def check_manifest(self, manifest: Manifest, *, in_place: bool, any_source: bool) -> None:
        """Raises UsageError for a backup of another file, and for an encrypted one if this target is not encrypted."""

    def check_space(self, manifest: Manifest, *, partial: bool) -> None:
        """Raises SourceError when there is no room to prepare the restore."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Returns a private folder to prepare the database in."""

    def make_new(self, path: Path, scratch: Path, progress: Progress) -> None:
        """Creates the database from the closed file `path` in the scratch folder. Raises UsageError if it exists."""

    def put(
        self, path: Path, options: RestoreOptions, scratch: Path, clock: Clock, progress: Progress
    ) -> tuple[str | None, list[str]]:
        """Puts the prepared file `path` in its place. Returns the safety backup, if any, and notes for people."""

    def notes_of(self, manifest: Manifest) -> list[str]:
        """Returns notes for people on restoring this backup here."""

    def free_bytes(self) -> int | None:
        """Returns the free bytes there, or None if unknown. Raises SourceError."""

    def conditions(self) -> list[Condition]:
        """Checks everything that a restore needs there."""


def restore_target(location: Location) -> RestoreTarget:
    """Returns the target at a location. Nothing is contacted or opened yet."""
    if isinstance(location, FileLocation):
        return FileTarget(location)
    from shared.operations.restore.cloud_target import CloudTarget  # noqa: PLC0415 - files need no driver

    return CloudTarget(location)
