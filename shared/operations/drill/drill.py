"""The result of a drill of one database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import LitekeepError, NotGood
from shared.model.kinds import Kind
from shared.model.report_names import DrillName
from shared.operations.drill.attempt import Attempt, Role
from shared.operations.drill.rehearsal import Rehearsal
from shared.operations.drill.targets import Scenario


@dataclass(frozen=True)
class RecoveryTime:
    """How long recovery took, and its target. `met` is None if the scenario is not measured."""

    scenario: Scenario
    target_seconds: float
    seconds: float | None
    met: bool | None
    note: str


@dataclass(frozen=True)
class RecoveryPoint:
    """The age of the newest backup of a kind when the drill began, and its target."""

    kind: Kind
    backup_id: str
    target_seconds: float
    age_seconds: float
    met: bool


@dataclass(frozen=True)
class Trend:
    """Recovery times of a scenario in past drills: the last, and the median of the last twelve at most."""

    previous_seconds: float
    median_seconds: float
    drills: int


@dataclass(frozen=True)
class Drill:
    """One complete drill of one database. It passed if there are no `findings`, which are sentences.

    `rehearsals` are the scenarios played, and `trends` their recovery times in past drills.
    """

    database: str
    started_at: datetime
    finished_at: datetime
    store: str
    copy_store: str | None
    seed: int
    candidates: int
    attempts: Sequence[Attempt]
    times: Sequence[RecoveryTime]
    points: Sequence[RecoveryPoint]
    findings: Sequence[str] = field(default_factory=list)
    rehearsals: Sequence[Rehearsal] = ()
    trends: Mapping[Scenario, Trend] = field(default_factory=dict)
    reported: bool = True  # whether the store has its report

    @property
    def passed(self) -> bool:
        return not self.findings

    @property
    def exit_code(self) -> int:
        """0 if it passed, 3 if a backup is not good, and 1 for any other finding."""
        if any(tried.not_good for tried in self.attempts) or any(played.not_good for played in self.rehearsals):
            return NotGood.exit_code
        return LitekeepError.exit_code if self.findings else 0

    @property
    def name(self) -> DrillName:
        return DrillName(self.database, self.started_at, self.passed)

    @property
    def data_age_seconds(self) -> float | None:
        """The age of the latest verified backup: the changes that recovery would have lost."""
        latest = self.attempt(Role.LATEST)
        return (self.started_at - latest.created_at).total_seconds() if latest else None

    def attempt(self, role: Role) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.role is role), None)
