"""Builds and parses the object names of the audit trail.

    audit/YYYY-MM-DD/TIME.WRITER.NUMBER.json               one event; NUMBER counts the events of a writer (a process)
    audit/checkpoints/NUMBER.json                          a checkpoint of the trail, taken by the monitor
    audit/checkpoints/NUMBER.NONCE.backups.json.gz         the inventory: the backups and approvals stored at that time

Names from a store are not trusted until they are parsed here.
"""

import re
import secrets
from datetime import UTC, date, datetime
from typing import NamedTuple

TRAIL = "audit/"
CHECKPOINTS = "audit/checkpoints/"
AFTER_CHECKPOINTS = "audit/checkpoints0"  # sorts after the names of all checkpoints
BESIDE_TRAIL = "audit0"  # sorts after all names of the trail: a listing that starts here leaves the trail out

_EVENT = re.compile(
    r"audit/(\d{4}-\d{2}-\d{2})/(\d{8}T\d{6})(\d{6})Z\.([a-z0-9]{12})\.([1-9]\d{0,8}|\d{6})\.json", re.ASCII
)
_CHECKPOINT = re.compile(r"audit/checkpoints/(\d{8})\.json", re.ASCII)
_INVENTORY = re.compile(r"audit/checkpoints/(\d{8})\.([a-z0-9]{12})\.backups\.json\.gz", re.ASCII)
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class EventName(NamedTuple):
    """The name of one event: its time, its writer, and its number among the writer's events."""

    at: datetime
    writer: str
    number: int

    @property
    def object(self) -> str:
        """The name of the event's object."""
        at = self.at.astimezone(UTC)
        return f"{TRAIL}{at:%Y-%m-%d}/{at:%Y%m%dT%H%M%S%fZ}.{self.writer}.{self.number:06d}.json"


def new_nonce() -> str:
    """Returns twelve random characters, for the name of a writer or an inventory."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def parse_event(name: str) -> EventName | None:
    """Parses the name of an event; None for any other object."""
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
    """Returns the listing prefix of one day's events."""
    return f"{TRAIL}{day:%Y-%m-%d}/"


def month_prefix(day: date) -> str:
    """Returns the listing prefix of the events in that day's month."""
    return f"{TRAIL}{day:%Y-%m}-"


def checkpoint_object(number: int) -> str:
    """Returns the name of a checkpoint."""
    return f"{CHECKPOINTS}{number:08d}.json"


def inventory_object(number: int, nonce: str) -> str:
    """Returns the name of a checkpoint's inventory. The nonce keeps it apart from that of an interrupted run."""
    return f"{CHECKPOINTS}{number:08d}.{nonce}.backups.json.gz"


def parse_checkpoint(name: str) -> int | None:
    """Returns the number of a checkpoint; None for any other object."""
    found = _CHECKPOINT.fullmatch(name)
    return int(found[1]) if found and int(found[1]) else None


def parse_inventory(name: str) -> int | None:
    """Returns the number of the checkpoint that an inventory belongs to; None for any other object."""
    found = _INVENTORY.fullmatch(name)
    return int(found[1]) if found else None
