"""Object names under `locks/`: leases, claims on slots, marks, retirements, retention rules.

locks/TASK.NUMBER.json                       a lease; the highest number of a task is the valid one
locks/slots/KIND/DATABASE/TIME.NUMBER.json   a claim on a schedule's slot; the highest number is the valid one
locks/retired/DATABASE.json                  the database is retired
locks/rules/TIME.WHAT.json                   retention rules that a cleanup applied, or (`seen`) a dry run showed
locks/unchanged/KIND/DATABASE/TIME.ID.json   no backup was taken, because nothing was written since backup ID
"""

import re
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from shared.model.kinds import Kind
from shared.model.names import (
    ID_PATTERN,
    KIND_NAMES,
    BackupName,
    backup_name,
    decode_database,
    encode_database,
    parse_moment,
)

_CLAIM = re.compile(r"(\d{8}T\d{4})Z\.(\d{1,9})\.json", re.ASCII)
_UNCHANGED = re.compile(rf"(\d{{8}}T\d{{12}}Z)\.({ID_PATTERN.pattern})\.json", re.ASCII)
_RULES = re.compile(r"locks/rules/(\d{8}T\d{12}Z)\.(applied|seen)\.json", re.ASCII)
_MOST_LEASES = 1_000_000  # one per run; numbers start again at 1 when no lease is stored
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_LEASE = re.compile(r"locks/([a-z]{1,40})\.(\d{1,18})\.json", re.ASCII)


class Slot(NamedTuple):
    """One scheduled time of a kind and database, to the minute."""

    kind: Kind
    database: str
    begins_at: datetime

    @property
    def prefix(self) -> str:
        """The listing prefix of the slot's claims."""
        return f"{claims_prefix(self.kind, self.database)}{self.begins_at.astimezone(UTC):%Y%m%dT%H%MZ}."

    def claim(self, number: int) -> str:
        """Returns the name of the claim with that number."""
        return f"{self.prefix}{number:03d}.json"


UNCHANGED = "locks/unchanged/"  # the prefix of all marks
RETIRED = "locks/retired/"  # the prefix of all retirements
RULES = "locks/rules/"  # the prefix of all records of retention rules


class Unchanged(NamedTuple):
    """A mark that the database was unchanged since the backup at that time. Its name contains everything."""

    backup: BackupName
    at: datetime

    @property
    def object(self) -> str:
        """The name of the mark."""
        # Microseconds, so that two runs in the same second get different names.
        folder = f"{UNCHANGED}{self.backup.kind}/{encode_database(self.backup.database)}"
        return f"{folder}/{self.at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.{self.backup.id}.json"


def lease(task: str, number: int) -> str:
    """Returns the name of a task's lease."""
    return f"{lease_prefix(task)}{number:06d}.json"


def loop_task(database: str) -> str:
    """Returns the lease task for a database's continuous loop. It is letters only, so the database's name is hashed."""
    digest = blake2b(database.encode(), digest_size=12).hexdigest()
    return "continuous" + digest.translate(_LETTERS)


def lease_prefix(task: str) -> str:
    """Returns the listing prefix of a task's leases."""
    return f"locks/{task}."


def lease_number(task: str, name: str) -> int | None:
    """Returns the number of a lease of that task; None for any other object, and for an impossibly high number."""
    found = _LEASE.fullmatch(name)
    number = int(found[2]) if found and found[1] == task else None
    return None if number is None or number > _MOST_LEASES else number


def claims_prefix(kind: Kind, database: str, day: datetime | None = None) -> str:
    """Returns the listing prefix of the claims of a kind and database, or of those on one day in UTC."""
    of_day = "" if day is None else f"{day.astimezone(UTC):%Y%m%d}"
    return f"locks/slots/{kind}/{encode_database(database)}/{of_day}"


def parse_claim(name: str) -> tuple[Slot, int] | None:
    """Returns the claimed slot and the claim's number; None for any other object."""
    parts = name.split("/")
    found = _CLAIM.fullmatch(parts[4]) if len(parts) == 5 and parts[:2] == ["locks", "slots"] else None
    if found is None or parts[2] not in KIND_NAMES:
        return None
    database, begins_at = decode_database(parts[3]), parse_moment(f"{found[1]}00Z")
    if database is None or begins_at is None:
        return None
    return Slot(Kind(parts[2]), database, begins_at), int(found[2])


def parse_unchanged(name: str) -> Unchanged | None:
    """Parses the name of a mark; None for any other object."""
    parts = name.split("/")
    found = _UNCHANGED.fullmatch(parts[4]) if len(parts) == 5 and parts[:2] == ["locks", "unchanged"] else None
    if found is None or parts[2] not in KIND_NAMES:
        return None
    backup, at = backup_name(parts[2], parts[3], found[2]), parse_moment(found[1])
    return Unchanged(backup, at) if backup and at else None


def marks_prefix(kind: Kind, database: str) -> str:
    """Returns the listing prefix of the marks of one kind and database."""
    return f"{UNCHANGED}{kind}/{encode_database(database)}/"


def retired(database: str) -> str:
    """Returns the name of the object that retires a database."""
    return f"{RETIRED}{encode_database(database)}.json"


def parse_retired(name: str) -> str | None:
    """Returns the database that an object retires; None for any other object."""
    if not name.startswith(RETIRED):  # a quick answer for nearly all objects of a listing
        return None
    encoded = name.removeprefix(RETIRED).removesuffix(".json")
    return decode_database(encoded) if name == f"{RETIRED}{encoded}.json" and "/" not in encoded else None


def rules_record(moment: datetime, *, applied: bool) -> str:
    """Returns the name of the record that a cleanup applied retention rules at that time, or a dry run showed them."""
    # Microseconds, so that two runs in the same second get different names.
    return f"{RULES}{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.{'applied' if applied else 'seen'}.json"


def parse_rules_record(name: str) -> tuple[datetime, bool] | None:
    """Returns the time of a record, and whether its rules were applied; None for any other object."""
    found = _RULES.fullmatch(name)
    at = parse_moment(found[1]) if found else None
    return (at, found[2] == "applied") if found and at else None
