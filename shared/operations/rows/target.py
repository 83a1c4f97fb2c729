"""The interface of targets of restored rows, for SQLite files and SQLite Cloud."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.databases.location import Location
from shared.operations.rows.apply import Writing
from shared.operations.rows.options import RowsPlan
from shared.sqlite.location import FileLocation


@dataclass(frozen=True)
class Prepared:
    """A plan with the private files that it was made from."""

    plan: RowsPlan
    writing: Writing
    encoding: str
    backup: Path
    target: Path
    keys: Path


class RowsTarget(Protocol):
    """A database that rows are restored into."""

    def check(self) -> None:
        """Raises SourceError or UsageError when the database cannot be written to."""

    def write(self, prepared: Prepared) -> None:
        """Writes the planned rows in one transaction, or raises RowWritten, Conflict or SourceError."""


def rows_target(location: Location) -> RowsTarget:
    """Returns the target at a location. Nothing is contacted or opened yet."""
    if isinstance(location, FileLocation):
        from shared.operations.rows.to_file import FileRows  # noqa: PLC0415 - it imports this module

        return FileRows(location)
    from shared.operations.rows.to_cloud import CloudRows  # noqa: PLC0415 - files need no driver

    return CloudRows(location)
