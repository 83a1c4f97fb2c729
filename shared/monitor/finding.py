"""One thing that a person should know of: an event, and a sentence that ends in what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.log import Event, Field, severity_of


@dataclass(frozen=True)
class Finding:
    event: Event
    message: str
    fields: Mapping[str, Field]

    @property
    def is_error(self) -> bool:
        return severity_of(self.event) in ("ERROR", "CRITICAL")

    @property
    def database(self) -> str | None:
        """Whose it is; None for one about a store or the key."""
        found = self.fields.get("database")
        return found if isinstance(found, str) else None

    def to_json(self) -> dict[str, str]:
        """An item of `alerts`."""
        return {"name": self.event.value, "message": self.message}
