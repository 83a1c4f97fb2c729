"""One backup as a listing shows it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.catalog.holds import Hold
from shared.catalog.summary import ArtifactSummary, ChainSummary, Summary
from shared.catalog.verdicts import Trust, Weighed
from shared.clock import rfc3339
from shared.model.names import BackupName
from shared.stores import StoredObject


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as a listing shows it.

    `damaged` says why its manifest could not be read, `missing` which artifact is not there as it was stored; `future`
    that it is dated ahead of our clock. A verdict dated ahead of our clock is none.
    """

    name: BackupName
    created_at: datetime
    manifest: StoredObject
    summary: Summary | None  # None of one that is damaged
    verdict: StoredObject | None = None
    verified: bool | None = None
    damaged: str | None = None
    verified_level: str | None = None  # how far up the ladder the newest verification went
    source_damage: str | None = None  # what that found in the source itself, of which the backup is faithful
    verdicts: tuple[StoredObject, ...] = ()  # all of them, newest first
    trust: Trust | None = None  # how far the one that counts was looked into
    doubt: str | None = None  # why the newest of them counts for nothing
    checked: bool = False  # its manifest's seal was looked at, with the key, and holds
    unopened: str | None = None  # why it cannot be looked at with the key that is at hand
    missing: str | None = None
    future: bool = False
    hold: Hold | None = None
    rewrappings: tuple[StoredObject, ...] = ()  # of its data key (`litekeep rekey`), the newest first
    passed_over: tuple[str, ...] = ()  # of what `latest` found: why each newer one counts for nothing
    builds_on: "Backup | None" = field(default=None, compare=False, repr=False)  # as the listing has it

    @property
    def sound(self) -> bool:
        """Whether its manifest can be read, and its database was sound when it was taken."""
        return self.damaged is None and self.summary is not None and self.summary.good

    @property
    def artifacts(self) -> tuple[ArtifactSummary, ...]:
        return self.summary.artifacts if self.summary else ()

    @property
    def stored_bytes(self) -> int:
        """Of its artifacts."""
        return sum(artifact.size_bytes for artifact in self.artifacts)

    @property
    def rows(self) -> int | None:
        return self.summary.rows if self.summary else None

    @property
    def schema_version(self) -> str | None:
        return self.summary.schema_version if self.summary else None

    @property
    def keep_until(self) -> datetime | None:
        return self.summary.keep_until if self.summary else None

    @property
    def began_at(self) -> datetime:
        """When its snapshot began, at the latest."""
        return (self.summary.began_at if self.summary else None) or self.created_at

    @property
    def erased_through(self) -> int:
        """The last erasure after which it was made anew without the erased rows; 0 for none."""
        return (self.summary.erased_through if self.summary else None) or 0

    @property
    def chain(self) -> ChainSummary | None:
        """Its place in a continuous chain; None of one that stands alone."""
        return self.summary.chain if self.summary else None

    @property
    def wrong(self) -> str | None:
        """Why it counts for nothing in `latest` and the like; None when nothing is known against it."""
        if self.damaged or self.missing:
            return self.damaged or self.missing
        if self.future:
            return f"{self.name.id} is dated in the future, so a clock was wrong"
        if not self.sound:
            return f"{self.name.id} was taken of a damaged database"
        return f"{self.name.id} failed its verification" if self.verified is False else None

    @property
    def good(self) -> bool:
        """Whether nothing is known against it."""
        return self.wrong is None

    def to_json(self) -> dict[str, Any]:
        """An item of `list --json`."""
        return {
            "id": self.name.id,
            "database": self.name.database,
            "kind": self.name.kind.value,
            "created_at": rfc3339(self.created_at),
            "artifacts": [artifact.to_json() for artifact in self.artifacts],
            "tables": self.summary.tables if self.summary else None,
            "rows": self.rows,
            "schema_version": self.schema_version,
            "verified": self.verified,
            "verdict": self.trust.value if self.trust else None,
            "verdict_doubt": self.doubt,
            "keep_until": rfc3339(self.keep_until) if self.keep_until else None,
            "hold": self.hold.beside_backup() if self.hold else None,
            "good": self.good,
            "damaged": self.damaged or self.missing,
            "wrong": self.wrong,
            "source_damage": self.source_damage,
        }


def with_verdict(backup: Backup, verdict: StoredObject, weighed: Weighed) -> Backup:
    """The backup with what its newest verdict that counts comes to; with none, if `weighed` says that none does."""
    counts = weighed.ok is not None
    return replace(
        backup,
        verdict=verdict if counts else None,
        verified=weighed.ok,
        verified_level=weighed.level,
        source_damage=weighed.source_damage,
        trust=weighed.trust if counts else None,
        doubt=weighed.doubt,
    )
