"""The observed state of the stores as plain values, which is the only input of the judgement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.catalog.verdicts import Trust
from shared.clock import is_future, latest_known
from shared.model import names
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.model.report_names import DrillName
from shared.monitor.finding import Finding
from shared.monitor.pending_erasures import PendingErasures
from shared.records import record


@record(frozen=True, slots=True)
class ObservedBackup:
    """One backup as a listing shows it.

    `sizes`: stored bytes by format. `verdict`: the name of the newest verdict. `damaged`: why it cannot be read, if so.
    `source_good`: the source was sound when it was taken. `source_damage`: damage of the source found by verification,
    although the backup is faithful. `kept_for`: the promised retention. `in_copy`: whether the copy store has it, None
    without a copy store. `row_counts`: rows by table, only for the two newest of a database. `unchanged_at`: when a run
    last found the database unchanged since and skipped a backup. `trust`: how the verdict was checked. `doubt` and
    `mark_doubt`: why a newer verdict, or a newer unchanged mark, is ignored. `unopened`: why the configured key does
    not open it. `held`: it is on hold.
    """

    name: BackupName
    created_at: datetime
    sizes: Mapping[str, int]
    rows: int | None = None
    verified: bool | None = None
    verdict: str | None = None
    damaged: str | None = None
    source_good: bool = True
    kept_for: timedelta | None = None
    in_copy: bool | None = None
    row_counts: Mapping[str, int] | None = None
    unchanged_at: datetime | None = None
    source_damage: str | None = None
    trust: Trust | None = None
    doubt: str | None = None
    mark_doubt: str | None = None
    unopened: str | None = None
    held: bool = False

    @property
    def kind(self) -> Kind:
        return self.name.kind

    @property
    def size_bytes(self) -> int:
        return sum(self.sizes.values())

    @property
    def verified_at(self) -> datetime | None:
        parsed = names.parse(self.verdict) if self.verdict is not None else None
        return parsed.verified_at if parsed else None

    @property
    def wrong(self) -> str | None:
        """Why it is known to be bad, or None."""
        if self.damaged is not None:
            return self.damaged
        if self.unopened is not None:
            return self.unopened
        if not self.source_good:
            return "its database was damaged when it was taken"
        return "it did not pass its verification" if self.verified is False else None

    def age(self, now: datetime) -> timedelta:
        return max(now - self.created_at, timedelta(0))

    @property
    def current_at(self) -> datetime:
        """When the database was last known to equal this backup."""
        return max(self.created_at, self.unchanged_at) if self.unchanged_at else self.created_at

    def behind(self, now: datetime) -> timedelta:
        """Returns the time since the database was last known to equal this backup."""
        return max(now - self.current_at, timedelta(0))

    def is_future(self, now: datetime) -> bool:
        return is_future(self.created_at, now)


@dataclass(frozen=True)
class Listing:
    """The observed state of the stores.

    `databases`: the backups of each database, newest first; a database that should be backed up and never was has none.
    `drills`: by database. `problems`: checks that failed. `not_looked_at`: a check that this identity may not do.
    `pending_erasures`: by database.
    """

    url: str
    databases: Mapping[str, Sequence[ObservedBackup]]
    drills: Mapping[str, Sequence[DrillName]] = field(default_factory=dict)
    copy_url: str | None = None
    problems: tuple[Finding, ...] = ()
    not_looked_at: str | None = None
    pending_erasures: Mapping[str, PendingErasures] = field(default_factory=dict)

    def last_drill(self, database: str, now: datetime) -> datetime | None:
        """Returns when the last good drill of a database was, ignoring those dated in the future."""
        held = [drill.held_at for drill in self.drills.get(database, ()) if drill.passed]
        return max((moment for moment in held if not is_future(moment, now)), default=None)


def present(own: Sequence[ObservedBackup], now: datetime) -> list[ObservedBackup]:
    """Returns the backups that are not dated in the future, in the given order."""
    last = latest_known(now)
    return [seen for seen in own if seen.created_at <= last]
