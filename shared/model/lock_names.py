"""Object names under `locks/`: leases, claims on slots, marks, retirements, retention rules.

locks/TASK.NUMBER.json                       a lease; of a task's leases the highest number counts
locks/slots/KIND/DATABASE/TIME.NUMBER.json   a claim on a schedule's slot; the highest number counts
locks/retired/DATABASE.json                  the database is retired
locks/rules/TIME.WHAT.json                   retention rules that a cleanup applied, or (`seen`) a dry run showed
locks/unchanged/KIND/DATABASE/TIME.ID.json   no backup was taken: nothing was written since backup ID
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

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
_MOST_LEASES = 1_000_000  # one a run, and they begin again when none is left
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_LEASE = re.compile(r"locks/([a-z]{1,40})\.(\d{1,18})\.json", re.ASCII)


@dataclass(frozen=True)
class Slot:
    """One time, to the minute, that a schedule of a kind means for a database."""

    kind: Kind
    database: str
    begins_at: datetime

    @property
    def prefix(self) -> str:
        return f"{claims_prefix(self.kind, self.database)}{self.begins_at.astimezone(UTC):%Y%m%dT%H%MZ}."

    def claim(self, number: int) -> str:
        return f"{self.prefix}{number:03d}.json"


UNCHANGED = "locks/unchanged/"  # the prefix of all marks
RETIRED = "locks/retired/"  # the prefix of all retirements
RULES = "locks/rules/"  # the prefix of all records of retention rules


@dataclass(frozen=True)
class Unchanged:
    """A mark: at that moment the database was as the backup has it. The listing alone tells."""

    backup: BackupName
    at: datetime

    @property
    def object(self) -> str:
        # The microseconds keep two runs of one second apart.
        folder = f"{UNCHANGED}{self.backup.kind}/{encode_database(self.backup.database)}"
        return f"{folder}/{self.at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.{self.backup.id}.json"


def lease(task: str, number: int) -> str:
    return f"{lease_prefix(task)}{number:06d}.json"


def loop_task(database: str) -> str:
    """The task of a database's loop of cycles: a lease's task is letters only."""
    digest = blake2b(database.encode(), digest_size=12).hexdigest()
    return "continuous" + digest.translate(_LETTERS)


def lease_prefix(task: str) -> str:
    return f"locks/{task}."


def lease_number(task: str, name: str) -> int | None:
    """The number of one of that task's leases; None for any other object, and for a number that no run has reached."""
    found = _LEASE.fullmatch(name)
    number = int(found[2]) if found and found[1] == task else None
    return None if number is None or number > _MOST_LEASES else number


def claims_prefix(kind: Kind, database: str, day: datetime | None = None) -> str:
    """The listing prefix for the claims on all slots of a kind and database, or on those of one day in UTC."""
    of_day = "" if day is None else f"{day.astimezone(UTC):%Y%m%d}"
    return f"locks/slots/{kind}/{encode_database(database)}/{of_day}"


def parse_claim(name: str) -> tuple[Slot, int] | None:
    """The slot that is claimed, and the claim's number; None for any other object."""
    parts = name.split("/")
    found = _CLAIM.fullmatch(parts[4]) if len(parts) == 5 and parts[:2] == ["locks", "slots"] else None
    if found is None or parts[2] not in KIND_NAMES:
        return None
    database, begins_at = decode_database(parts[3]), parse_moment(f"{found[1]}00Z")
    if database is None or begins_at is None:
        return None
    return Slot(Kind(parts[2]), database, begins_at), int(found[2])


def parse_unchanged(name: str) -> Unchanged | None:
    """The mark that has exactly that name; None for any other object."""
    parts = name.split("/")
    found = _UNCHANGED.fullmatch(parts[4]) if len(parts) == 5 and parts[:2] == ["locks", "unchanged"] else None
    if found is None or parts[2] not in KIND_NAMES:
        return None
    backup, at = backup_name(parts[2], parts[3], found[2]), parse_moment(found[1])
    return Unchanged(backup, at) if backup and at else None


def marks_prefix(kind: Kind, database: str) -> str:
    """The listing prefix for the marks of one kind and database."""
    return f"{UNCHANGED}{kind}/{encode_database(database)}/"


def retired(database: str) -> str:
    """The object that says that a database is no more."""
    return f"{RETIRED}{encode_database(database)}.json"


def parse_retired(name: str) -> str | None:
    """The database whose retirement has exactly that name; None for any other object."""
    if not name.startswith(RETIRED):  # nearly all of a listing
        return None
    encoded = name.removeprefix(RETIRED).removesuffix(".json")
    return decode_database(encoded) if name == f"{RETIRED}{encoded}.json" and "/" not in encoded else None


def rules_record(moment: datetime, *, applied: bool) -> str:
    """The record that retention rules were applied by a cleanup at that moment, or shown by a dry run."""
    # The microseconds keep two runs of one second apart.
    return f"{RULES}{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.{'applied' if applied else 'seen'}.json"


def parse_rules_record(name: str) -> tuple[datetime, bool] | None:
    """When, and whether they were applied; None for any other object."""
    found = _RULES.fullmatch(name)
    at = parse_moment(found[1]) if found else None
    return (at, found[2] == "applied") if found and at else None
