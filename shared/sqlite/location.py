"""Where a SQLite file is."""

import socket
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

    @property
    def resolved(self) -> tuple[str, str | None]:
        """What it is on this machine, and the machine: the same path on another one is another file."""
        return str(self.path.resolve()), socket.gethostname()

    def beside(self, label: str) -> "FileLocation":
        """A new file beside it: `NAME-LABEL` with its ending, or `.db`."""
        return FileLocation(self.path.with_name(f"{self.path.stem}-{label}{self.path.suffix or '.db'}"))
