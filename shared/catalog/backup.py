"""One backup as a listing shows it."""

from dataclasses import field, replace
from datetime import datetime
from typing import Any

from shared.catalog.holds import Hold
from shared.catalog.summary import ArtifactSummary, ChainSummary, Summary
from shared.catalog.verdicts import Trust, Weighed
from shared.clock import rfc3339
from shared.model.names import BackupName
from shared.records import record
from shared.stores import StoredObject


@record(frozen=True, slots=True)
class Backup:
    """One backup as a listing shows it.

    `damaged` is the reason why its manifest could not be read. `missing` names the artifact that is missing or has
    another size. `future` means that the backup is dated ahead of our clock. Verdicts dated ahead of our clock are
    ignored.
    """

    name: BackupName
    created_at: datetime
    manifest: StoredObject
    summary: Summary | None  # None if damaged
    verdict: StoredObject | None = None
    verified: bool | None = None
    damaged: str | None = None
    verified_level: str | None = None  # the level of the newest verification
    source_damage: str | None = None  # damage of the source itself, which the backup reproduces faithfully
    verdicts: tuple[StoredObject, ...] = ()  # all verdicts, newest first
    trust: Trust | None = None  # how `verdict` was checked
    doubt: str | None = None  # why the newest verdict is ignored
    checked: bool = False  # the key was available and the manifest's seal is valid
    unopened: str | None = None  # why the configured key does not open the backup
    missing: str | None = None
    future: bool = False
    hold: Hold | None = None
    rewrappings: tuple[StoredObject, ...] = ()  # re-wrapped data keys (`litekeep rekey`), newest first
    passed_over: tuple[str, ...] = ()  # for the result of `latest`: why each newer backup was not chosen
    builds_on: "Backup | None" = field(default=None, compare=False, repr=False)  # its parent in the same listing

    @property
    def sound(self) -> bool:
        """Whether the manifest can be read and the database was sound when the backup was taken."""
        return self.damaged is None and self.summary is not None and self.summary.good

    @property
    def artifacts(self) -> tuple[ArtifactSummary, ...]:
        return self.summary.artifacts if self.summary else ()

    @property
    def stored_bytes(self) -> int:
        """The total size of the artifacts in bytes."""
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
        """When the snapshot began, or a later time if the manifest does not record that."""
        return (self.summary.began_at if self.summary else None) or self.created_at

    @property
    def erased_through(self) -> int:
        """The number of the last erasure that was applied to the stored backup by a rewrite; 0 for none."""
        return (self.summary.erased_through if self.summary else None) or 0

    @property
    def chain(self) -> ChainSummary | None:
        """The backup's position in a continuous chain; None for a backup outside any chain."""
        return self.summary.chain if self.summary else None

    @property
    def wrong(self) -> str | None:
        """Why `latest` and other automatic choices ignore the backup; None if no problem is known."""
        if self.damaged or self.missing:
            return self.damaged or self.missing
        if self.future:
            return f"{self.name.id} is dated in the future, so a clock was wrong"
        if not self.sound:
            return f"{self.name.id} was taken of a damaged database"
        return f"{self.name.id} failed its verification" if self.verified is False else None

    @property
    def good(self) -> bool:
        """Whether no problem is known."""
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
    """Returns the backup with the result of this verdict; without a verdict if `weighed.ok` is None."""
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
