"""The interface of targets of restored rows, for SQLite files and SQLite Cloud."""

from typing import Protocol

from shared.databases.location import Location
from shared.operations.rows.prepared import Prepared
from shared.operations.rows.to_file import FileRows
from shared.sqlite.location import FileLocation


class RowsTarget(Protocol):
    """A database that rows are restored into."""

    def check(self) -> None:
        """Raises SourceError or UsageError when the database cannot be written to."""

    def write(self, prepared: Prepared) -> None:
        """Writes the planned rows in one transaction, or raises RowWritten, Conflict or SourceError."""


def rows_target(location: Location) -> RowsTarget:
    """Returns the target at a location. Nothing is contacted or opened yet."""
    if isinstance(location, FileLocation):
        return FileRows(location)
    from shared.operations.rows.to_cloud import CloudRows  # noqa: PLC0415 - files need no driver

    return CloudRows(location)
