"""One scenario played through: what it starts from, and what came of it, step by step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.keys import WrappingKey
from shared.model.names import BackupName
from shared.operations.drill.app_checks import AppCheck
from shared.operations.drill.app_run import run_app_checks
from shared.operations.drill.attempt import Stopwatch
from shared.operations.drill.targets import Scenario
from shared.operations.verify.check import Check
from shared.runtime.progress import Progress
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation

Location = FileLocation | CloudLocation
APP_STEP = "the application's checks"


@dataclass(frozen=True)
class Ground:
    """What every scenario starts from. `newest` is the newest good backup of any kind, `verified` the newest that is
    proven. `live`: the database itself, where it is known; `beside`: where a new database goes on its platform;
    `key_name` is what BACKUP_KEY says.
    """

    catalog: Catalog
    copy: Catalog | None
    key: WrappingKey | None
    key_name: str
    database: str
    newest: Backup
    verified: Backup | None
    app_checks: list[AppCheck]
    live: Location | None
    beside: Callable[[str], CloudLocation] | None
    started: datetime
    stopwatch: Stopwatch
    progress: Progress


@dataclass(frozen=True)
class RehearsalStep:
    name: str
    seconds: float


@dataclass
class Rehearsal:
    """Filled in as it goes, so that what failed shows how far it came.

    `recovery_seconds` is from the first command to the application's checks, `lost_seconds` how old the restored data
    was, `lost_rows` how many rows of the live database were missing or differed; None where it did not get so far or
    cannot be told. `error` is a place or key that refused its work, `not_good` the backup's own fault.
    """

    scenario: Scenario
    backup: BackupName | None = None
    target: str = ""
    steps: list[RehearsalStep] = field(default_factory=list)
    recovery_seconds: float | None = None
    lost_seconds: float | None = None
    lost_rows: int | None = None
    checks: list[Check] = field(default_factory=list)
    app_checks: list[Check] = field(default_factory=list)
    not_good: bool = False
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.recovery_seconds is not None and self.error is None and not self.first_failed

    @property
    def first_failed(self) -> Check | None:
        return next((check for check in [*self.checks, *self.app_checks] if not check.ok), None)

    def begin(self, ground: Ground, backup: Backup, target: str) -> None:
        """Notes what is restored to where, and how old its data is."""
        self.backup, self.target = backup.name, target
        self.lost_seconds = max(0.0, (ground.started - backup.created_at).total_seconds())

    @contextmanager
    def step(self, name: str, ground: Ground) -> Iterator[None]:
        """Times what is done in the block."""
        begun = ground.stopwatch()
        try:
            yield
        finally:
            self.steps.append(RehearsalStep(name, ground.stopwatch() - begun))

    def hold(self, checks: list[Check]) -> None:
        self.checks += checks
        self.not_good = self.not_good or not all(check.ok for check in checks)

    def ask_application(self, image: Path, ground: Ground) -> None:
        """The application's checks; with them recovery is over."""
        with self.step(APP_STEP, ground):
            self.app_checks = run_app_checks(image, ground.app_checks)
        self.recovery_seconds = sum(step.seconds for step in self.steps)
