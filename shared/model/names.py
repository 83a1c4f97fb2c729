"""What objects in a store are called. No other module puts such a name together or takes one apart.

    KIND/DATABASE/ID.sql.gz[.enc]         the SQL dump
    KIND/DATABASE/ID.sqlite.zst[.enc]     the page image
    KIND/DATABASE/ID.pages.zst[.enc]      of an increment: the pages that differ from its parent's
    KIND/DATABASE/ID.index[.enc]          the page index: a hash of each of those pages
    KIND/DATABASE/ID.manifest.json        the commit point
    KIND/DATABASE/ID.verified-TIME.json   one a verification
    KIND/DATABASE/ID.hold.json            somebody holds the backup: it is not deleted
    KIND/DATABASE/ID.rekey-NUMBER.json    its data key, wrapped once more by another key; the highest number counts
    locks/TASK.NUMBER.json                a lease: of those of a task, the highest number counts
    locks/slots/KIND/DATABASE/TIME.NUMBER.json   a claim on a schedule's slot: likewise
    locks/retired/DATABASE.json     a database that is no more
    locks/rules/TIME.WHAT.json      the retention rules that a cleanup applied, or (WHAT is seen) that a dry run showed
    locks/unchanged/KIND/DATABASE/TIME.ID.json   a backup was not taken, as nothing was written since that one
    drills/DATABASE/TIME.VERDICT.json     a drill's report, VERDICT being passed or failed; written last
    cost/TIME.md                          a review of what the store costs
    erasures/NUMBER.json                  an erasure, sealed, with the hash of the one before
    erasures/key-NUMBER.json              the secret of the erasures, wrapped; the highest that opens counts
    drills/DATABASE/TIME.VERDICT.md       the same for people, and .svg the plot in it

`request_names.py` has those of requests and policies.
Names that come from a store are hostile until `parse` has taken them apart.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote, unquote

from shared.errors import UsageError
from shared.model.kinds import Kind

SAFETY_PREFIX = "before-restore-"  # ids of what an in-place restore keeps of what was there

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_DATABASE = 200  # bytes once encoded: a file system takes 255 a name
_KINDS = frozenset(Kind)
_RESERVED = (".manifest", ".sql", ".sqlite", ".verified-")
_HOLDS_RESERVED = re.compile("|".join(map(re.escape, _RESERVED)))
LATEST = "latest"
LATEST_VERIFIED = "latest-verified"


class Format(StrEnum):
    SQL = "sql"
    SQLITE = "sqlite"
    PAGES = "pages"
    INDEX = "index"


WHOLE = (Format.SQL, Format.SQLITE)  # those of which one alone makes the database, and that a person can ask for
_SUFFIX = {
    Format.SQL: ".sql.gz",
    Format.SQLITE: ".sqlite.zst",
    Format.PAGES: ".pages.zst",
    Format.INDEX: ".index",
}
_OF_A_CHAIN = (_SUFFIX[Format.PAGES], _SUFFIX[Format.INDEX])
_ENCRYPTED = ".enc"
_MANIFEST = ".manifest.json"
_HOLD = ".hold.json"
_ROLES = {_MANIFEST: "manifest", _HOLD: "hold"} | {suffix: form.value for form, suffix in _SUFFIX.items()}
_ROLES |= {suffix + _ENCRYPTED: form.value for form, suffix in _SUFFIX.items()}
# All of a file's name in one match: a store of ten thousand backups has forty thousand of them.
_FILE = re.compile(
    rf"({_ID.pattern}?)(?:({'|'.join(map(re.escape, _ROLES))})|\.verified-(\d{{8}}T\d{{6}}(?:\d{{6}})?Z)\.json"
    r"|\.rekey-([1-9]\d{0,8})\.json)",
    re.ASCII,
)
_DRILL = re.compile(r"(\d{8}T\d{12}Z)\.(passed|failed)\.json", re.ASCII)
_CLAIM = re.compile(r"(\d{8}T\d{4})Z\.(\d{1,9})\.json", re.ASCII)
_UNCHANGED = re.compile(rf"(\d{{8}}T\d{{12}}Z)\.({_ID.pattern})\.json", re.ASCII)
_RULES = re.compile(r"locks/rules/(\d{8}T\d{12}Z)\.(applied|seen)\.json", re.ASCII)
_ERASURE = re.compile(r"erasures/(key-)?([1-9]\d{0,8})\.json", re.ASCII)
_MOST_LEASES = 1_000_000  # one a run, and they begin again when none is left
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_LEASE = re.compile(r"locks/([a-z]{1,40})\.(\d{1,18})\.json", re.ASCII)


@dataclass(frozen=True)
class BackupName:
    """Where one backup stands in a store: its kind, its database and its id."""

    kind: Kind
    database: str
    id: str

    @property
    def prefix(self) -> str:
        return f"{self.kind}/{encode_database(self.database)}/{self.id}"

    @property
    def manifest(self) -> str:
        return self.prefix + _MANIFEST

    @property
    def hold(self) -> str:
        return self.prefix + _HOLD

    def rewrapping(self, number: int) -> str:
        return f"{self.prefix}.rekey-{number}.json"

    def artifact(self, form: Format, *, encrypted: bool) -> str:
        return self.prefix + _SUFFIX[form] + (_ENCRYPTED if encrypted else "")

    def verdict(self, moment: datetime) -> str:
        """One a verification; the microseconds keep two verifiers of one second apart."""
        return f"{self.prefix}.verified-{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json"


@dataclass(frozen=True)
class ObjectName:
    """What a name in a store means: a manifest, an artifact, a verdict, a hold or a re-wrapping of a backup."""

    backup: BackupName
    role: str  # "manifest", "verdict", "hold", "rekey" or a format
    verified_at: datetime | None = None
    number: int | None = None  # of a re-wrapping


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


ERASURES = "erasures/"  # the prefix of the erasure ledger
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


@dataclass(frozen=True)
class DrillName:
    """One drill: of which database, when it was held, and whether it passed. The listing alone tells."""

    database: str
    held_at: datetime
    passed: bool

    @property
    def report(self) -> str:
        """The JSON object, by which the drill exists."""
        return f"{self._stem}.json"

    @property
    def page(self) -> str:
        return f"{self._stem}.md"

    @property
    def plot(self) -> str:
        return f"{self._stem}.svg"

    @property
    def _stem(self) -> str:
        # The microseconds keep two drills of one second apart.
        moment = f"{self.held_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
        return f"{drill_prefix(self.database)}{moment}.{'passed' if self.passed else 'failed'}"


def check_id(name: str) -> str:
    """Returns `name` when it can be a backup's id. Raises UsageError, saying what is allowed."""
    if not _ID.fullmatch(name):
        raise UsageError(
            f"--name {name[:140]!r} is not allowed: 1 to 128 of A-Z a-z 0-9 . _ - that begin with a letter or digit"
        )
    reserved = (*_RESERVED, *_OF_A_CHAIN)
    if any(part in name for part in reserved):
        raise UsageError(f"--name {name!r} is not allowed: it must not hold any of {', '.join(reserved)}")
    if name in (LATEST, LATEST_VERIFIED):
        raise UsageError(f"--name {name!r} is not allowed: --backup {name} means another backup each time")
    return name


def automatic_id(moment: datetime, prefix: str = "backup-") -> str:
    """The prefix, then `YYYY-MM-DD-HHMMSS`, UTC."""
    return f"{prefix}{moment.astimezone(UTC):%Y-%m-%d-%H%M%S}"


@lru_cache(maxsize=1024)  # a listing asks for the same few, once an object
def encode_database(database: str) -> str:
    """A database's name as one path part: percent-encoded, so that it can neither climb nor hide.

    Raises UsageError for a name that is empty, not UTF-8, or too long to be a file name.
    """
    try:
        encoded = quote(database, safe="")
    except UnicodeEncodeError:
        raise UsageError(
            f"database name {database[:80]!r} is not UTF-8: give the file another name, or a link"
        ) from None
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if not encoded or len(encoded) > _LONGEST_DATABASE:
        raise UsageError(f"database name {database[:80]!r} is empty or too long to name a backup after")
    return encoded


@lru_cache(maxsize=1024)
def decode_database(encoded: str) -> str | None:
    """The database's name, or None when no database of ours is encoded that way."""
    database = unquote(encoded, errors="replace")
    try:
        return database if encode_database(database) == encoded else None
    except UsageError:
        return None


def parse(name: str) -> ObjectName | None:
    """What an object is by its name alone; None for anything that is not exactly one of ours."""
    parts = name.split("/")
    if len(parts) != 3 or parts[0] not in _KINDS:
        return None
    found = _FILE.fullmatch(parts[2])
    backup = _backup_name(parts[0], parts[1], found[1]) if found else None
    if found is None or backup is None:
        return None
    if found[2]:
        return ObjectName(backup, _ROLES[found[2]])
    if found[4]:
        return ObjectName(backup, "rekey", number=int(found[4]))
    verified_at = _verdict_time(found[3])
    return ObjectName(backup, "verdict", verified_at) if verified_at else None


@lru_cache(maxsize=1024)  # in a listing the objects of a backup follow one another
def _backup_name(kind: str, encoded_database: str, backup_id: str) -> BackupName | None:
    database = decode_database(encoded_database)
    if database is None or _HOLDS_RESERVED.search(backup_id):
        return None
    return BackupName(Kind(kind), database, backup_id)


def _verdict_time(text: str) -> datetime | None:
    second, microsecond = text[13:15], text[15:-1] or "0"
    try:  # by hand: four times as fast as strptime, and a listing has thousands
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
        hour, minute = int(text[9:11]), int(text[11:13])
        return datetime(year, month, day, hour, minute, int(second), int(microsecond), UTC)
    except ValueError:
        return None


def kind_prefix(kind: Kind | None, database: str | None = None) -> str:
    """The listing prefix for a kind, or for one database of a kind."""
    if kind is None:
        return ""
    return f"{kind}/" if database is None else f"{kind}/{encode_database(database)}/"


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
    if found is None or parts[2] not in _KINDS:
        return None
    database, begins_at = decode_database(parts[3]), _verdict_time(f"{found[1]}00Z")
    if database is None or begins_at is None:
        return None
    return Slot(Kind(parts[2]), database, begins_at), int(found[2])


def parse_unchanged(name: str) -> Unchanged | None:
    """The mark that has exactly that name; None for any other object."""
    parts = name.split("/")
    found = _UNCHANGED.fullmatch(parts[4]) if len(parts) == 5 and parts[:2] == ["locks", "unchanged"] else None
    if found is None or parts[2] not in _KINDS:
        return None
    backup, at = _backup_name(parts[2], parts[3], found[2]), _verdict_time(found[1])
    return Unchanged(backup, at) if backup and at else None


def marks_prefix(kind: Kind, database: str) -> str:
    """The listing prefix for the marks of one kind and database."""
    return f"{UNCHANGED}{kind}/{encode_database(database)}/"


def retired(database: str) -> str:
    """The object that says that a database is no more."""
    return f"{RETIRED}{encode_database(database)}.json"


def parse_retired(name: str) -> str | None:
    """The database whose retirement has exactly that name; None for any other object."""
    encoded = name.removeprefix(RETIRED).removesuffix(".json")
    return decode_database(encoded) if name == f"{RETIRED}{encoded}.json" and "/" not in encoded else None


def erasure(number: int) -> str:
    """The object of the ledger's entry of that number."""
    return f"{ERASURES}{number}.json"


def erasure_key(number: int) -> str:
    """The object that holds the ledger's secret, wrapped for the NUMBERth time."""
    return f"{ERASURES}key-{number}.json"


def parse_erasure(name: str) -> tuple[str, int] | None:
    """`entry` or `key` and its number; None for any other object."""
    found = _ERASURE.fullmatch(name)
    return None if found is None else ("key" if found[1] else "entry", int(found[2]))


def cost_review(moment: datetime) -> str:
    """The object of a cost review."""
    return f"cost/{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.md"


def rules_record(moment: datetime, *, applied: bool) -> str:
    """The record that retention rules were applied by a cleanup at that moment, or shown by a dry run."""
    # The microseconds keep two runs of one second apart.
    return f"{RULES}{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.{'applied' if applied else 'seen'}.json"


def parse_rules_record(name: str) -> tuple[datetime, bool] | None:
    """When, and whether they were applied; None for any other object."""
    found = _RULES.fullmatch(name)
    at = _verdict_time(found[1]) if found else None
    return (at, found[2] == "applied") if found and at else None


def drill_prefix(database: str | None = None) -> str:
    """The listing prefix for all drills, or for those of one database."""
    return "drills/" if database is None else f"drills/{encode_database(database)}/"


def parse_drill(name: str) -> DrillName | None:
    """The drill whose report has exactly that name; None for any other object."""
    parts = name.split("/")
    found = _DRILL.fullmatch(parts[2]) if len(parts) == 3 and parts[0] == "drills" else None
    if found is None:
        return None
    database, held_at = decode_database(parts[1]), _verdict_time(found[1])
    if database is None or held_at is None:
        return None
    drill = DrillName(database, held_at, found[2] == "passed")
    return drill if drill.report == name else None
