"""A finding: an event, and a sentence that ends with what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.log import Event, Field, severity_of


@dataclass(frozen=True)
class Finding:
    """Something that an operator should know."""

    event: Event
    message: str
    fields: Mapping[str, Field]

    @property
    def is_error(self) -> bool:
        return severity_of(self.event) in ("ERROR", "CRITICAL")

    @property
    def database(self) -> str | None:
        """The database concerned, or None if it is about a store or the key."""
        found = self.fields.get("database")
        return found if isinstance(found, str) else None

    def to_json(self) -> dict[str, str]:
        """Returns an item of `alerts` in the JSON of `litekeep status`."""
        return {"name": self.event.value, "message": self.message}
