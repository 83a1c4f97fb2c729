"""What the objects of the audit trail are called in a store, as `names.py` does for backups.

    audit/YYYY-MM-DD/TIME.WRITER.NUMBER.json               one event; NUMBER counts the events of a writer (a process)
    audit/checkpoints/NUMBER.json                          what the trail held when the monitor looked
    audit/checkpoints/NUMBER.NONCE.backups.json.gz         the backups and approvals that were stored then

Names that come from a store are hostile until they are parsed here.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime

TRAIL = "audit/"
CHECKPOINTS = "audit/checkpoints/"
AFTER_CHECKPOINTS = "audit/checkpoints0"  # where the names after those of all checkpoints begin
BESIDE_TRAIL = "audit0"  # where the names after all of the trail's begin; a listing from here on leaves the trail out

_EVENT = re.compile(
    r"audit/(\d{4}-\d{2}-\d{2})/(\d{8}T\d{6})(\d{6})Z\.([a-z0-9]{12})\.([1-9]\d{0,8}|\d{6})\.json", re.ASCII
)
_CHECKPOINT = re.compile(r"audit/checkpoints/(\d{8})\.json", re.ASCII)
_STANDING = re.compile(r"audit/checkpoints/(\d{8})\.([a-z0-9]{12})\.backups\.json\.gz", re.ASCII)
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class EventName:
    """One event: when it was written, by which process, and as which of its events."""

    at: datetime
    writer: str
    number: int

    @property
    def object(self) -> str:
        at = self.at.astimezone(UTC)
        return f"{TRAIL}{at:%Y-%m-%d}/{at:%Y%m%dT%H%M%S%fZ}.{self.writer}.{self.number:06d}.json"


def new_nonce() -> str:
    """Twelve random characters: the name of a writer."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def parse_event(name: str) -> EventName | None:
    """The event whose object has exactly that name; None for any other object."""
    found = _EVENT.fullmatch(name)
    if found is None:
        return None
    try:
        at = datetime.strptime(f"{found[2]}{found[3]}+0000", "%Y%m%dT%H%M%S%f%z")
    except ValueError:
        return None
    event = EventName(at, found[4], int(found[5]))
    return event if event.number and event.object == name else None


def day_prefix(day: date) -> str:
    """The listing prefix of one day's events."""
    return f"{TRAIL}{day:%Y-%m-%d}/"


def month_prefix(day: date) -> str:
    """The listing prefix of the events of that day's month."""
    return f"{TRAIL}{day:%Y-%m}-"


def checkpoint_object(number: int) -> str:
    return f"{CHECKPOINTS}{number:08d}.json"


def standing_object(number: int, nonce: str) -> str:
    """The list of what was stored at that checkpoint; the nonce keeps an interrupted run's apart."""
    return f"{CHECKPOINTS}{number:08d}.{nonce}.backups.json.gz"


def parse_checkpoint(name: str) -> int | None:
    """The number of the checkpoint that has exactly that name; None for any other object."""
    found = _CHECKPOINT.fullmatch(name)
    return int(found[1]) if found and int(found[1]) else None


def parse_standing(name: str) -> int | None:
    """The number of the checkpoint that such a list belongs to; None for any other object."""
    found = _STANDING.fullmatch(name)
    return int(found[1]) if found else None
