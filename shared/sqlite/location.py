"""Where a SQLite file is."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileLocation:
    """A SQLite file; it need not exist yet."""

    path: Path

    @property
    def database(self) -> str:
        """The name that the database goes by: the file's, with its ending."""
        return self.path.name

    @property
    def display(self) -> str:
        return str(self.path)
