"""The location of a SQLite file."""

import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileLocation:
    """A SQLite file; it need not exist yet."""

    path: Path

    @property
    def database(self) -> str:
        """The name of the database: the file name with its extension."""
        return self.path.name

    @property
    def display(self) -> str:
        return str(self.path)

    @property
    def resolved(self) -> tuple[str, str | None]:
        """The resolved path and the host name: the same path on another machine is another file."""
        return str(self.path.resolve()), socket.gethostname()

    def beside(self, label: str) -> "FileLocation":
        """Returns a file beside it: `NAME-LABEL` with the same extension, or `.db`."""
        return FileLocation(self.path.with_name(f"{self.path.stem}-{label}{self.path.suffix or '.db'}"))
