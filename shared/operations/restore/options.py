"""The options of a restore, its plan and its result."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.keys import WrappingKey
from shared.operations.erasure.pending import DEFAULT_ERASURES, ErasureOptions
from shared.operations.erasure.replayed import Replayed
from shared.operations.restore.migrations import Migrations
from shared.operations.verify.check import Check
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.stores import Store

if TYPE_CHECKING:
    from shared.approvals.desk import Permit


@dataclass(frozen=True)
class RestoreOptions:
    """Which backup to restore, where to, and how much of it.

    `any_source`: in place, allow a backup of another file. `in_one_step`: in place on SQLite Cloud, use UPLOAD …
    REPLACE, which the platform does not document. `prove`: run the full proof before the database gets its name;
    `prove_again`: also of a page image that passed it before. `keep_safety_for`: how long the safety backup is kept.
    `migrations`: the application's folder of migrations, to compare with those in the backup. `permit`: the approval
    of two persons. `erasures`: how erasures since the backup are treated; with `prove_if_erased` the backup is proven
    before they are replayed. `safety_in`: for drills, a private store that gets the safety backup, unencrypted.
    """

    catalog: Catalog
    backup: Backup
    key: WrappingKey | None
    target: FileLocation | CloudLocation
    in_place: bool = False
    any_source: bool = False
    in_one_step: bool = False
    prove: bool = False
    prove_again: bool = False
    schema_only: bool = False
    tables: frozenset[str] = frozenset()
    environment: str = "development"
    keep_safety_for: timedelta = timedelta(days=30)
    migrations: Path | None = None
    permit: "Permit | None" = None
    erasures: ErasureOptions = DEFAULT_ERASURES
    prove_if_erased: bool = False
    safety_in: Store | None = None

    @property
    def partial(self) -> bool:
        """Whether only the schema or some tables are restored."""
        return self.schema_only or bool(self.tables)


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do, for `--dry-run`."""

    id: str
    created_at: str
    artifact: str
    bytes_to_read: int
    target: str
    replaces: bool
    tables: int
    rows: int


@dataclass(frozen=True)
class Proven:
    """How a restored database was proven: by the full proof now (`full`), or by `identity`.

    By identity: the file has the SHA-256 of bytes that passed the full proof earlier, as `verdict` records.
    """

    by: Literal["full", "identity"]
    sha256: str | None = None
    verdict: str | None = None
    verified_at: str | None = None


@dataclass(frozen=True)
class Restored:
    """A restored database in its place. `notes`: remarks for people on anything unusual.

    `erased`: the erasures that were replayed on it.
    """

    id: str
    target: str
    tables: int
    rows: int
    verified: bool
    duration_seconds: float
    artifact: str
    safety: str | None = None
    notes: list[str] = field(default_factory=list)
    migrations: Migrations | None = None
    erased: Replayed | None = None
    proof: Proven | None = None  # None if no proof was requested
    checks: list[Check] = field(default_factory=list)  # the full proof, if it was made before erasures were replayed
