"""The manifest, which describes a backup without its artifacts being opened.

It is one JSON object in UTF-8. Format 1 is for a backup that needs no other; format 2 is for one in a chain of
increments, which may need others (`chain`). A Litekeep that knows only format 1 refuses format 2, and so deletes
nothing that such a backup needs. The `seal` authenticates all other bytes as stored. For an encrypted backup it is made
under the data key; otherwise it is a hash, which detects damage but not tampering (see `shared.archive.seals`).

Fields are only added, never changed. A manifest of a newer format is refused.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from shared.clock import in_utc, rfc3339
from shared.errors import NotGood, UsageError
from shared.model.kinds import Kind
from shared.model.names import BackupName, Format, check_id

FORMAT = 2  # the newest supported format
VERDICT_SEAL = 1  # `verdict_seal` of new manifests
_ALONE, _IN_CHAIN = 1, 2
LARGEST_MANIFEST = 8 << 20  # bytes; a thousand tables take about 100 KB, and reading one takes 40 times its size

Moment = Annotated[datetime, AfterValidator(in_utc), PlainSerializer(rfc3339, when_used="json")]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]  # the range of SQLite and file systems
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _ManifestPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Artifact(_ManifestPart):
    """One stored file of a backup. Sizes are bytes; `crc32c` is of the stored bytes, as 8 hex digits."""

    format: Format
    object: str
    size_bytes: Count
    sha256: Sha256
    crc32c: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    plain_size_bytes: Count
    plain_sha256: Sha256
    encrypted: bool


class Encryption(_ManifestPart):
    """The wrapped data key, in base64, and the name of the key that wrapped it."""

    scheme: Literal["tink-streaming-aead-aes256-gcm-hkdf-1mb"]
    key: str
    wrapped_key: str


class Source(_ManifestPart):
    """The source of the snapshot, without credentials."""

    type: Literal["file", "sqlitecloud"]
    host: str
    sqlite_version: str
    size_bytes: Count
    path: str | None = None


class Database(_ManifestPart):
    """SQLite's properties of the snapshot."""

    page_size: Count
    page_count: Count
    encoding: str
    auto_vacuum: int
    journal_mode: Literal["wal", "delete"]
    user_version: int
    application_id: int


class Integrity(_ManifestPart):
    """The results of SQLite's checks on the snapshot. A restored database is compared with them."""

    good: bool
    problems: list[str] = []
    foreign_key_violations: Count = 0


class Chain(_ManifestPart):
    """The position of a backup in a chain (docs/format.md).

    A base is a whole page image: it has no parent, is its own base, and its cycle is 0. `identity` is a keyed hash of
    all pages of the database at this point. The snapshot began at `began_at` and ended at the manifest's `created_at`.
    """

    base: Id
    parent: Id | None = None
    cycle: Count
    changed_pages: Count
    identity: Sha256
    began_at: Moment


class Manifest(_ManifestPart):
    """The manifest of one backup."""

    format: int = _ALONE
    id: str
    database: str
    kind: Kind
    created_at: Moment
    keep_until: Moment
    environment: str
    tool: str
    source: Source
    sqlite: Database
    schema_hash: Sha256
    schema_version: str
    row_counts: dict[str, Count]
    tables: Count
    rows: Count
    integrity: Integrity
    artifacts: list[Artifact]
    encryption: Encryption | None = None
    reindex: list[str] = []
    note: Annotated[str, Field(max_length=500)] | None = None
    without_sql: str | None = None  # why there is no dump, although one was requested
    dump_format: Count = 1  # version of the dump format: the same database gives the same bytes again
    began_at: Moment | None = None  # when the snapshot began; it ended at `created_at`
    chain: Chain | None = None
    verdict_seal: Count = 0  # 1: a verdict is valid only with a seal (`shared.catalog.verdicts`)
    seal: str = ""

    @property
    def name(self) -> BackupName:
        """The name of the backup."""
        return BackupName(self.kind, self.database, self.id)

    @property
    def snapshot_began_at(self) -> datetime:
        """When the snapshot began: later writes may be missing from it. Older manifests record only its end."""
        began_at = self.chain.began_at if self.chain else self.began_at
        return self.created_at if began_at is None else min(began_at, self.created_at)

    def artifact(self, form: Format) -> Artifact | None:
        """Returns the artifact of that format, or None."""
        return next((artifact for artifact in self.artifacts if artifact.format == form), None)

    def binding(self, form: Format) -> dict[str, str]:
        """Returns the extra associated data of a chain's artifact: under another parent it cannot be decrypted."""
        if self.chain is None or form not in (Format.PAGES, Format.INDEX):
            return {}
        return {"parent": self.chain.parent or "", "identity": self.chain.identity}

    def to_json(self) -> bytes:
        """Returns the bytes to store."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def canonical_json(value: Any) -> bytes:
    """Returns JSON with sorted keys and no white space, in UTF-8: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_manifest(raw: bytes, expected: BackupName) -> Manifest:
    """Parses a stored manifest and checks it against the name of its object.

    The seal is not checked, because that needs the key (see `shared.archive`). Raises NotGood if the manifest is
    malformed, has a newer format, belongs to another backup or names artifacts of another backup.
    """
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        raise _unreadable(raw, expected, _first_problem(error)) from None
    wanted = _ALONE if manifest.chain is None else _IN_CHAIN
    if manifest.format != wanted:  # newer, or not the one for such a backup
        raise _unreadable(raw, expected, "its format is one that this Litekeep does not know")
    if manifest.name != expected:
        raise NotGood(f"manifest at {expected.manifest} belongs to {manifest.name.manifest}; use another backup")
    for artifact in manifest.artifacts:
        own = expected.artifact(artifact.format, encrypted=artifact.encrypted)
        if artifact.object != own or artifact.encrypted != (manifest.encryption is not None):
            raise NotGood(f"manifest of {expected.id} names an artifact that is not its own; use another backup")
    return manifest


def _unreadable(raw: bytes, expected: BackupName, problem: str) -> NotGood:
    """Returns the error for a manifest that cannot be read. A newer format is the reason for any other problem."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        problem = "it is not JSON"
    else:
        if isinstance(found, dict) and isinstance(found.get("format"), int) and found["format"] > FORMAT:
            return NotGood(
                f"manifest of {expected.id} has format {found['format']}, and this Litekeep reads up to {FORMAT}: "
                "upgrade Litekeep"
            )
    return NotGood(f"manifest of {expected.id} cannot be read: {problem}; use another backup")


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"


def checked_name(kind: Kind, database: str, backup_id: str) -> BackupName:
    """Returns the name for a new backup. Raises UsageError if the id is not valid or too long for a file name."""
    name = BackupName(kind, database, check_id(backup_id))
    if len(name.prefix.rsplit("/", 1)[-1]) + len(".verified-20240115T000000000000Z.json") > 255:
        raise UsageError(f"--name {backup_id!r} is too long to be a file's name")
    return name
