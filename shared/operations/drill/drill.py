"""What a drill found out about one database."""

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
    """How long recovery took, against how long it may. `met` is None where there was nothing to measure by design."""

    scenario: Scenario
    target_seconds: float
    seconds: float | None
    met: bool | None
    note: str


@dataclass(frozen=True)
class RecoveryPoint:
    """How old the newest backup of a kind was when the drill began, against how old it may be."""

    kind: Kind
    backup_id: str
    target_seconds: float
    age_seconds: float
    met: bool


@dataclass(frozen=True)
class Trend:
    """Recovery times of a scenario in past drills, where it was played: the last, and the median of at most twelve."""

    previous_seconds: float
    median_seconds: float
    drills: int


@dataclass(frozen=True)
class Drill:
    """One drill of one database, complete. `findings` are sentences; without any it passed.

    `rehearsals` are the scenarios that were played, `trends` how long these took before.
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
        """0, or 3 when a backup is not good, or 1 when something else was found."""
        if any(tried.not_good for tried in self.attempts) or any(played.not_good for played in self.rehearsals):
            return NotGood.exit_code
        return LitekeepError.exit_code if self.findings else 0

    @property
    def name(self) -> DrillName:
        return DrillName(self.database, self.started_at, self.passed)

    @property
    def data_age_seconds(self) -> float | None:
        """How old the data of the latest verified backup was: what recovery would have lost."""
        latest = self.attempt(Role.LATEST)
        return (self.started_at - latest.created_at).total_seconds() if latest else None

    def attempt(self, role: Role) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.role is role), None)
