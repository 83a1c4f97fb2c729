"""Opens a location as a live database of its type."""

from pathlib import Path

from shared.databases.file_database import FileDatabase, of_file
from shared.databases.interface import LiveDatabase, Snapshot
from shared.databases.location import Location
from shared.runtime.progress import Progress, silent
from shared.sqlite.location import FileLocation

__all__ = ["LiveDatabase", "Snapshot", "check_readable", "live_database", "of_file", "take_snapshot"]


def live_database(location: Location) -> LiveDatabase:
    """Returns the database at a location. Nothing is contacted or opened yet."""
    if isinstance(location, FileLocation):
        return FileDatabase(location)
    from shared.databases.cloud_database import CloudDatabase  # noqa: PLC0415 - files need no driver

    return CloudDatabase(location)


def take_snapshot(
    location: Location, destination: Path, *, allow_corrupt: bool = False, progress: Progress = silent
) -> Snapshot:
    """Copies the database to `destination`; see `LiveDatabase.snapshot`."""
    return live_database(location).snapshot(destination, allow_corrupt=allow_corrupt, progress=progress)


def check_readable(location: Location) -> str:
    """Checks a database without copying it, and describes it. Raises SourceError as a snapshot would."""
    return live_database(location).describe()
