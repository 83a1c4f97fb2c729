"""Object names of backups: builds them and parses them.

    KIND/DATABASE/ID.sql.gz[.enc]         the SQL dump
    KIND/DATABASE/ID.sqlite.zst[.enc]     the page image
    KIND/DATABASE/ID.pages.zst[.enc]      of an increment: the pages that differ from its parent's
    KIND/DATABASE/ID.index[.enc]          the page index: a hash of each of those pages
    KIND/DATABASE/ID.manifest.json        the commit point
    KIND/DATABASE/ID.verified-TIME.json   one a verification
    KIND/DATABASE/ID.hold.json            somebody holds the backup: it is not deleted
    KIND/DATABASE/ID.rekey-NUMBER.json    its data key, wrapped once more by another key; the highest number counts

Other modules name the objects that are no backups: `lock_names.py` those under locks/, `report_names.py` drills, cost
reviews and erasures, `request_names.py` requests and policies. No module outside these puts a name together or parses
one. Names from a store are hostile until `parse` has accepted them.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from shared.errors import UsageError
from shared.model.kinds import Kind

SAFETY_PREFIX = "before-restore-"  # ids of what an in-place restore keeps of what was there

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_DATABASE = 200  # bytes once encoded: a file system takes 255 a name
KIND_NAMES = frozenset(Kind)
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
    rf"({ID_PATTERN.pattern}?)(?:({'|'.join(map(re.escape, _ROLES))})|\.verified-(\d{{8}}T\d{{6}}(?:\d{{6}})?Z)\.json"
    r"|\.rekey-([1-9]\d{0,8})\.json)",
    re.ASCII,
)


class BackupName(NamedTuple):
    """Identifies one backup in a store: its kind, its database and its id.

    A tuple, because it is hashed and compared dozens of times a backup, and a tuple does both in C.
    """

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


class ObjectName(NamedTuple):
    """What a name in a store means: a manifest, an artifact, a verdict, a hold or a re-wrapping of a backup."""

    backup: BackupName
    role: str  # "manifest", "verdict", "hold", "rekey" or a format
    verified_at: datetime | None = None
    number: int | None = None  # of a re-wrapping


def check_id(name: str) -> str:
    """Returns `name` when it can be a backup's id. Raises UsageError, saying what is allowed."""
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
    if len(parts) != 3 or parts[0] not in KIND_NAMES:
        return None
    found = _FILE.fullmatch(parts[2])
    if found is None:
        return None
    backup_id, suffix, moment, number = found.groups()
    backup = backup_name(parts[0], parts[1], backup_id)
    if backup is None:
        return None
    if suffix:
        return ObjectName(backup, _ROLES[suffix])
    if number:
        return ObjectName(backup, "rekey", number=int(number))
    verified_at = parse_moment(moment)
    return ObjectName(backup, "verdict", verified_at) if verified_at else None


def is_manifest(name: str) -> bool:
    """Returns whether an object of that name is a manifest, if it is one of ours at all."""
    return name.endswith(_MANIFEST)


@lru_cache(maxsize=1024)  # in a listing the objects of a backup follow one another
def backup_name(kind: str, encoded_database: str, backup_id: str) -> BackupName | None:
    database = decode_database(encoded_database)
    if database is None or _HOLDS_RESERVED.search(backup_id):
        return None
    return BackupName(Kind(kind), database, backup_id)


def parse_moment(text: str) -> datetime | None:
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
