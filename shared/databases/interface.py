"""What a database that can be backed up has to do, whatever its type."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from shared.model.manifest import Source
from shared.runtime.progress import Progress


@dataclass(frozen=True)
class Snapshot:
    """A private file of pages, and what the manifest will say of where they came from."""

    path: Path
    origin: Source
    journal_mode: Literal["wal", "delete"]
    size_bytes: int


@dataclass(frozen=True)
class Condition:
    """One thing that was looked at. `ok` None: not known, or not needed; `detail` ends in what fixes it."""

    name: str
    ok: bool | None
    detail: str


class LiveDatabase(Protocol):
    """A database where it lives. Every method raises SourceError when it cannot be reached."""

    counts_writes: bool  # whether a backup of any kind records what `unchanged_since` needs

    def snapshot(self, destination: Path, *, allow_corrupt: bool, progress: Progress) -> Snapshot:
        """Copies it to `destination`, as it was at one moment. Raises CorruptSource when it is no whole database.

        With `allow_corrupt` the bytes of a damaged file are taken as they are.
        """

    def pages(self, destination: Path) -> Path:
        """Returns a file with its pages: its own, or a snapshot at `destination`."""

    def look(self) -> str:
        """Looks at it without copying it, and returns what it is. Raises CorruptSource as a snapshot would."""

    def health(self, now: datetime, *, restores: bool) -> Iterator[Condition]:
        """Looks at each thing that a backup needs, and with `restores` a restore. Changes nothing."""

    def fingerprint(self) -> str | None:
        """Returns what changes with every write, to be kept in a manifest; None if nothing is to be kept."""

    def is_source_of(self, then: Source) -> bool:
        """Returns whether a manifest's source is this database, and none that shares its name in a store."""

    def unchanged_since(self, then: Source) -> bool:
        """Returns whether nothing was written since that snapshot, as far as can be told without reading pages."""
