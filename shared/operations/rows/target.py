"""What bringing rows back does where it matters what kind of database they go to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.databases.location import Location
from shared.operations.rows.apply import Writing
from shared.operations.rows.options import RowsPlan
from shared.sqlite.location import FileLocation


@dataclass(frozen=True)
class Prepared:
    """A plan with the private files that it was made of."""

    plan: RowsPlan
    writing: Writing
    encoding: str
    backup: Path
    target: Path
    keys: Path


class RowsTarget(Protocol):
    """A database that rows come back to."""

    def check(self) -> None:
        """Raises SourceError or UsageError when nothing can be written there."""

    def write(self, prepared: Prepared) -> None:
        """Writes the planned rows in one transaction. Raises RowWritten, Conflict, SourceError: nothing changed."""


def rows_target(location: Location) -> RowsTarget:
    """Returns the target at a location. Nothing is contacted or opened yet."""
    if isinstance(location, FileLocation):
        from shared.operations.rows.to_file import FileRows  # noqa: PLC0415 - it imports this module

        return FileRows(location)
    from shared.operations.rows.to_cloud import CloudRows  # noqa: PLC0415 - files need no driver

    return CloudRows(location)
