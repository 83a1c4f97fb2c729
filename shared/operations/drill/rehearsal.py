"""One scenario of a full drill: its inputs, and its result step by step."""

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
class RehearsalContext:
    """The inputs of a scenario.

    `newest` is the newest good backup of any kind, `verified` the newest verified one. `live` is the database itself,
    if known. `new_location` returns the location of a new database on its platform, by name. `key_name` is the value of
    BACKUP_KEY.
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
    new_location: Callable[[str], CloudLocation] | None
    started: datetime
    stopwatch: Stopwatch
    progress: Progress


@dataclass(frozen=True)
class RehearsalStep:
    name: str
    seconds: float


@dataclass
class Rehearsal:
    """The result of one scenario. It is filled in step by step, so that a failure shows how far it came.

    `recovery_seconds` is the time from the first command to the end of the application's checks, `lost_seconds` the age
    of the restored data, and `lost_rows` the number of rows of the live database that were missing or differed. Each is
    None if unknown. `error`: the store, the disk or the key failed. `not_good`: the backup is bad.
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

    def begin(self, context: RehearsalContext, backup: Backup, target: str) -> None:
        """Records the backup, the target, and the age of the data."""
        self.backup, self.target = backup.name, target
        self.lost_seconds = max(0.0, (context.started - backup.created_at).total_seconds())

    @contextmanager
    def step(self, name: str, context: RehearsalContext) -> Iterator[None]:
        """Records the duration of the block as a step."""
        started = context.stopwatch()
        try:
            yield
        finally:
            self.steps.append(RehearsalStep(name, context.stopwatch() - started))

    def add_checks(self, checks: list[Check]) -> None:
        """Adds checks of the restored database; one that failed makes the backup bad."""
        self.checks += checks
        self.not_good = self.not_good or not all(check.ok for check in checks)

    def check_application(self, image: Path, context: RehearsalContext) -> None:
        """Runs the application's checks, which end the recovery."""
        with self.step(APP_STEP, context):
            self.app_checks = run_app_checks(image, context.app_checks)
        self.recovery_seconds = sum(step.seconds for step in self.steps)
