"""What a look at the stores saw, as plain values: all that is judged, and nothing else is."""

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
from shared.monitor.forgetting import Unforgotten


@dataclass(frozen=True, slots=True)
class Seen:
    """One backup as a listing shows it.

    `sizes`: stored bytes by format. `verdict`: the object that its newest verification wrote. `damaged`: why it cannot
    be read, if so. `source_good`: its database was sound. `source_damage`: what the verification found in the source,
    though the backup is faithful. `kept_for`: how long it was promised to be kept.
    `in_copy`: None where there is no copy store.
    `row_counts`: rows by table, of the two newest of a database only.
    `unchanged_at`: when a run last found that nothing was written since, and took no other.
    `trust`: how far the verdict that counts was looked into. `doubt` and `mark_doubt`: why a newer verdict, or a newer
    mark that it is unchanged, counts for nothing. `unopened`: why the key that is configured does not open it.
    `held`: nothing deletes it until it is released.
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
        """Why it is known not to be good."""
        if self.damaged is not None:
            return self.damaged
        if self.unopened is not None:
            return self.unopened
        if not self.source_good:
            return "its database was damaged when it was taken"
        return "it did not pass its verification" if self.verified is False else None

    def age(self, now: datetime) -> timedelta:
        return max(now - self.created_at, timedelta(0))

    def behind(self, now: datetime) -> timedelta:
        """From when it last was all that there is, as far as anyone looked."""
        return min(self.age(now), max(now - (self.unchanged_at or self.created_at), timedelta(0)))

    def is_future(self, now: datetime) -> bool:
        return is_future(self.created_at, now)


@dataclass(frozen=True)
class Listing:
    """`databases`: newest first each, also those that should be backed up and never were.

    `drills`: of each database. `problems`: what could not be looked at. `not_looked_at`: what there is no right to.
    `unforgotten`: the erasures that backups of a database still hold the rows of.
    """

    url: str
    databases: Mapping[str, Sequence[Seen]]
    drills: Mapping[str, Sequence[DrillName]] = field(default_factory=dict)
    copy_url: str | None = None
    problems: tuple[Finding, ...] = ()
    not_looked_at: str | None = None
    unforgotten: Mapping[str, Unforgotten] = field(default_factory=dict)

    def last_drill(self, database: str, now: datetime) -> datetime | None:
        """When its last good drill was held; one dated in the future counts as none."""
        held = [drill.held_at for drill in self.drills.get(database, ()) if drill.passed]
        return max((moment for moment in held if not is_future(moment, now)), default=None)


def present(own: Sequence[Seen], now: datetime) -> list[Seen]:
    """Those not dated in the future, newest first: the only ones whose age is known."""
    last = latest_known(now)
    return [seen for seen in own if seen.created_at <= last]
