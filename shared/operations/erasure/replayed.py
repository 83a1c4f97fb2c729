"""The result of a replay of erasures on a database."""

from dataclasses import dataclass, field
from typing import Any

from shared.text import count


@dataclass
class Replayed:
    """What was erased. `deleted` and `changed` are counts of rows by table, `entries` the ids of the erasures."""

    entries: list[str] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)  # places that `--absent` names
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.deleted.values()) + sum(self.changed.values())

    @property
    def summary(self) -> str:
        """A summary in one line, without any value."""
        erasures = count(len(self.entries), "erasure was", "erasures were")
        return f"{erasures} replayed: {count(self.rows, 'row')} deleted or changed"

    def to_json(self) -> dict[str, Any]:
        return {
            "entries": self.entries,
            "deleted": self.deleted,
            "changed": self.changed,
            "passed_over": self.passed_over,
            "notes": self.notes,
        }
