"""Builds and parses the object names of backups.

    KIND/DATABASE/ID.sql.gz[.enc]         the SQL dump
    KIND/DATABASE/ID.sqlite.zst[.enc]     the page image
    KIND/DATABASE/ID.pages.zst[.enc]      an increment: the pages that differ from its parent's
    KIND/DATABASE/ID.index[.enc]          the page index: a hash of each of those pages
    KIND/DATABASE/ID.manifest.json        the manifest, written last: it publishes the backup
    KIND/DATABASE/ID.verified-TIME.json   the verdict of one verification
    KIND/DATABASE/ID.hold.json            a hold: the backup is not deleted
    KIND/DATABASE/ID.rekey-NUMBER.json    the data key, wrapped again by another key; the highest number is the newest

The other names are in `lock_names.py` (locks/), `report_names.py` (drills, cost reviews, erasures), `request_names.py`
(requests, policies) and `trail_names.py` (the audit trail). No other module builds or parses a name. Names from a store
are not trusted until `parse` has accepted them.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from shared.errors import UsageError
from shared.model.kinds import Kind

SAFETY_PREFIX = "before-restore-"  # ids of the safety backups that in-place restores take

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_DATABASE = 200  # bytes when encoded: file systems allow 255 for a name
KIND_NAMES = frozenset(Kind)
_RESERVED = (".manifest", ".sql", ".sqlite", ".verified-")
_HOLDS_RESERVED = re.compile("|".join(map(re.escape, _RESERVED)))
LATEST = "latest"
LATEST_VERIFIED = "latest-verified"


class Format(StrEnum):
    """The format of an artifact."""

    SQL = "sql"
    SQLITE = "sqlite"
    PAGES = "pages"
    INDEX = "index"


WHOLE = (Format.SQL, Format.SQLITE)  # formats that contain the whole database; the values of `--format`
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
_ROLES = {_MANIFEST[1:]: "manifest", _HOLD[1:]: "hold"}  # by suffix without its first dot
_ROLES |= {(suffix + end)[1:]: form.value for form, suffix in _SUFFIX.items() for end in ("", _ENCRYPTED)}
# One match for the whole file name, for speed: a store of ten thousand backups has forty thousand objects. The dot is
# outside the alternatives, so that they are tried only there, which halves the time.
_FILE = re.compile(
    rf"({ID_PATTERN.pattern}?)\.(?:({'|'.join(map(re.escape, _ROLES))})"
    r"|verified-(\d{8}T\d{6}(?:\d{6})?Z)\.json|rekey-([1-9]\d{0,8})\.json)",
    re.ASCII,
)


class BackupName(NamedTuple):
    """The name of a backup in a store: its kind, database and id.

    It is a tuple for speed: a name is hashed and compared dozens of times per backup.
    """

    kind: Kind
    database: str
    id: str

    @property
    def prefix(self) -> str:
        """The listing prefix of the backup's objects; other ids can begin with it too."""
        return f"{self.kind}/{encode_database(self.database)}/{self.id}"

    @property
    def manifest(self) -> str:
        """The name of the manifest."""
        return self.prefix + _MANIFEST

    @property
    def hold(self) -> str:
        """The name of the hold."""
        return self.prefix + _HOLD

    def rewrapping(self, number: int) -> str:
        """Returns the name of the re-wrapped data key with that number."""
        return f"{self.prefix}.rekey-{number}.json"

    def artifact(self, form: Format, *, encrypted: bool) -> str:
        """Returns the name of the artifact of that format."""
        return self.prefix + _SUFFIX[form] + (_ENCRYPTED if encrypted else "")

    def verdict(self, moment: datetime) -> str:
        """Returns the name of the verdict of that time; microseconds keep two verdicts of the same second apart."""
        return f"{self.prefix}.verified-{moment.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json"


class ObjectName(NamedTuple):
    """A parsed object name: a manifest, an artifact, a verdict, a hold or a re-wrapped data key of a backup."""

    backup: BackupName
    role: str  # "manifest", "verdict", "hold", "rekey" or a format
    verified_at: datetime | None = None
    number: int | None = None  # of a re-wrapped data key


def check_id(name: str) -> str:
    """Returns `name` if it is a valid backup id. Raises UsageError with what is allowed."""
    if not ID_PATTERN.fullmatch(name):
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
    """Returns the prefix and `YYYY-MM-DD-HHMMSS` in UTC."""
    return f"{prefix}{moment.astimezone(UTC):%Y-%m-%d-%H%M%S}"


@lru_cache(maxsize=1024)  # a listing asks for the same few names, once per object
def encode_database(database: str) -> str:
    """Percent-encodes a database's name as one path part. The result contains no `/` and does not begin with a dot.

    Raises UsageError for a name that is empty, not UTF-8, or too long for a file name.
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
    """Decodes a database's name; None if `encode_database` does not produce this encoding."""
    database = unquote(encoded, errors="replace")
    try:
        return database if encode_database(database) == encoded else None
    except UsageError:
        return None


def parse(name: str) -> ObjectName | None:
    """Parses an object's name; None if it is not exactly the name of a backup's object."""
    folder, _, file = name.rpartition("/")
    found = _FILE.fullmatch(file)
    if found is None:
        return None
    backup_id, suffix, moment, number = found.groups()
    backup = _backup_in(folder, backup_id)
    if backup is None:
        return None
    if suffix:
        return ObjectName(backup, _ROLES[suffix])
    if number:
        return ObjectName(backup, "rekey", number=int(number))
    verified_at = parse_moment(moment)
    return ObjectName(backup, "verdict", verified_at) if verified_at else None


def is_manifest(name: str) -> bool:
    """Returns whether a name ends like that of a manifest. The rest of the name is not checked."""
    return name.endswith(_MANIFEST)


@lru_cache(maxsize=1024)  # in a listing the objects of a backup are next to each other
def _backup_in(folder: str, backup_id: str) -> BackupName | None:
    """Returns the name of the backup with that id in the folder `KIND/DATABASE`; None for any other folder or id."""
    kind, _, encoded_database = folder.partition("/")
    return backup_name(kind, encoded_database, backup_id) if kind in KIND_NAMES else None


def backup_name(kind: str, encoded_database: str, backup_id: str) -> BackupName | None:
    """Returns the name of a backup from the parts of an object's name; None if the database or id is not valid."""
    database = decode_database(encoded_database)
    if database is None or _HOLDS_RESERVED.search(backup_id):
        return None
    return BackupName(Kind(kind), database, backup_id)


def parse_moment(text: str) -> datetime | None:
    """Parses `YYYYMMDDTHHMMSS[ffffff]Z`; None if there is no such time."""
    second, microsecond = text[13:15], text[15:-1] or "0"
    try:  # four times as fast as strptime, and a listing has thousands
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
        hour, minute = int(text[9:11]), int(text[11:13])
        return datetime(year, month, day, hour, minute, int(second), int(microsecond), UTC)
    except ValueError:
        return None


def kind_prefix(kind: Kind | None, database: str | None = None) -> str:
    """Returns the listing prefix of a kind, or of one database of a kind."""
    if kind is None:
        return ""
    return f"{kind}/" if database is None else f"{kind}/{encode_database(database)}/"
