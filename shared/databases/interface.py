"""The interface of live databases, for SQLite files and SQLite Cloud."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from shared.model.manifest import Source
from shared.runtime.progress import Progress


@dataclass(frozen=True)
class Snapshot:
    """A private copy of a database, and its origin for the manifest."""

    path: Path
    origin: Source
    journal_mode: Literal["wal", "delete"]
    size_bytes: int


@dataclass(frozen=True)
class Condition:
    """The result of one check. `ok` is None if unknown or not needed; `detail` ends with the remedy."""

    name: str
    ok: bool | None
    detail: str


class LiveDatabase(Protocol):
    """A database in use. Every method raises SourceError when it cannot be reached."""

    counts_writes: bool  # whether a backup of any kind records what `unchanged_since` needs

    def snapshot(self, destination: Path, *, allow_corrupt: bool, progress: Progress) -> Snapshot:
        """Copies the database to `destination`, as of one moment. Raises CorruptSource for a damaged database.

        With `allow_corrupt` the bytes of a damaged file are taken as they are.
        """

    def pages(self, destination: Path) -> Path:
        """Returns a file with the pages: the database itself, or a snapshot at `destination`."""

    def describe(self) -> str:
        """Checks the database without copying it, and describes it. Raises CorruptSource as a snapshot would."""

    def health(self, now: datetime, *, restores: bool) -> Iterator[Condition]:
        """Checks everything that a backup needs, and with `restores` a restore. Changes nothing."""

    def fingerprint(self) -> str | None:
        """Returns a value for the manifest that changes with every write, or None if the manifest needs none."""

    def is_source_of(self, source: Source) -> bool:
        """Returns whether a manifest's source is this database, not another of the same name."""

    def unchanged_since(self, source: Source) -> bool:
        """Returns whether nothing was written since that snapshot. Reads no pages; False if unknown."""
