"""What is read from a database for its manifest, as plain values.

They are not the manifest's own classes, so that the confined process for untrusted databases starts without Pydantic,
whose import takes longer than all others together.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The settings that are stored in a database. The fields are those of the manifest's `Database`."""

    page_size: int
    page_count: int
    encoding: str
    auto_vacuum: int
    journal_mode: Literal["wal", "delete"]
    user_version: int
    application_id: int


@dataclass(frozen=True, slots=True)
class Soundness:
    """What SQLite's checks found in a database. The fields are those of the manifest's `Integrity`."""

    good: bool
    problems: list[str] = field(default_factory=list)
    foreign_key_violations: int = 0
