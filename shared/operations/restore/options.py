"""What is asked for when a restore is asked for, and what came of it."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.keys import WrappingKey
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.way_out import USUAL, WayOut
from shared.operations.restore.migrations import Migrations
from shared.operations.verify.check import Check
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.stores import Store

if TYPE_CHECKING:
    from shared.approvals.desk import Permit


@dataclass(frozen=True)
class RestoreOptions:
    """Which backup, to where, and how much of it.

    In place, only a backup of that very file goes, unless `any_source` says that it may be of another;
    `keep_safety_for` is how long the safety backup of what was there is kept. `in_one_step`: in place on SQLite Cloud
    by UPLOAD … REPLACE, which the platform does not document. `migrations`: the application's folder of them, compared
    with what the backup had. `permit`: what two persons have agreed on. `erasures`: how what was erased since the
    backup was taken is treated; with `prove_if_erased` a backup that must forget something is proven before it does.
    `prove`: the whole proof before it goes into place; with `prove_again` also of a page image that has passed it.
    `safety_in`: for drills, a private store that gets the safety backup, in clear, in place of the catalog's.
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
    erasures: WayOut = USUAL
    prove_if_erased: bool = False
    safety_in: Store | None = None

    @property
    def partial(self) -> bool:
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
    """How a restored database was proven: by the whole ladder now (`full`), or by `identity`.

    By identity: the disk holds the bytes with this SHA-256, which passed the full proof as that verdict says.
    """

    by: Literal["full", "identity"]
    sha256: str | None = None
    verdict: str | None = None
    verified_at: str | None = None


@dataclass(frozen=True)
class Restored:
    """A database that is in its place. `notes` are what a person must know about how it got there.

    `erased`: what it had to forget; `checks`: what was proven before it did.
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
    proof: Proven | None = None  # None when no proof was asked for
    checks: list[Check] = field(default_factory=list)  # the whole proof, where it was made before erasing
