"""What a restore does where it matters what kind of database it restores to."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from shared.clock import Clock
from shared.databases.interface import Condition
from shared.databases.location import Location
from shared.model.manifest import Manifest
from shared.operations.backup.safety import Safety
from shared.operations.restore.options import RestoreOptions
from shared.runtime.progress import Progress
from shared.sqlite.location import FileLocation


class RestoreTarget(Protocol):
    """A place for a database. Every method but `make_new` and `put` writes nothing there."""

    def check(self, *, in_place: bool) -> None:
        """Raises UsageError when a new name is taken, or when there is nothing to replace."""

    def check_manifest(self, manifest: Manifest, *, in_place: bool, any_source: bool) -> None:
        """Raises UsageError for a backup that must not come here: of another file, or from secrecy into the clear."""

    def check_space(self, manifest: Manifest, *, partial: bool) -> None:
        """Raises SourceError when the restore does not fit where it is prepared."""

    def scratch(self) -> AbstractContextManager[Path]:
        """A private folder to prepare the database in."""

    def make_new(self, path: Path, scratch: Path, progress: Progress) -> None:
        """Makes a new database of the closed file `path` in the scratch folder. Raises UsageError for a taken name."""

    def put(
        self, path: Path, options: RestoreOptions, scratch: Path, clock: Clock, progress: Progress
    ) -> tuple[str | None, list[str]]:
        """Brings the prepared file `path` to its place. Returns what was there before, kept, and notes for people."""

    def notes_of(self, manifest: Manifest) -> list[str]:
        """Returns what a person must know of this backup in this place."""

    def free_bytes(self) -> int | None:
        """Returns how much room is left; None if that is not known. Raises SourceError."""

    def conditions(self) -> list[Condition]:
        """Looks at each thing that a restore needs there."""


def restore_target(location: Location) -> RestoreTarget:
    """Returns the target at a location. Nothing is contacted or opened yet."""
    if isinstance(location, FileLocation):
        from shared.operations.restore.file_target import FileTarget  # noqa: PLC0415 - it imports this module

        return FileTarget(location)
    from shared.operations.restore.cloud_target import CloudTarget  # noqa: PLC0415 - files need no driver

    return CloudTarget(location)


def was_encrypted(manifest: Manifest) -> bool:
    """Returns whether the database was encrypted where it was backed up."""
    return (manifest.source.model_extra or {}).get("encrypted") is True


def safety_of(options: RestoreOptions) -> Safety:
    """Returns how the safety backup of the target is taken."""
    store, key = (options.safety_in, None) if options.safety_in else (options.catalog.store, options.key)
    return Safety(options.target, store, key, options.keep_safety_for, options.environment)
