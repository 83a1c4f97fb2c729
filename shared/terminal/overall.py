"""The status of all databases, for `litekeep status`, `litekeep` alone and the console."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock, rfc3339, utc_now
from shared.monitor.finding import Finding
from shared.monitor.listing import Listing, ObservedBackup
from shared.monitor.next_deletion import NextDeletion, next_deletion
from shared.monitor.observe import Survey
from shared.monitor.status import Status, StatusLevel, status_of
from shared.retention.inventory import Inventory
from shared.retention.plan import RetentionPolicy
from shared.retention.retired import is_retired
from shared.retention.rules import plan
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.notify import failures_of
from shared.terminal.options import settings_with
from shared.terminal.retention import retention_policy
from shared.terminal.watch import look_at_stores


@dataclass(frozen=True)
class Look:
    """The status of each database. `others` are findings of no single database; retention uses `policy` and `now`."""

    listing: Listing
    statuses: list[Status]
    inventory: Inventory
    policy: RetentionPolicy
    now: datetime
    _planned: dict[str, NextDeletion | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def others(self) -> tuple[Finding, ...]:
        return self.listing.problems

    @property
    def retired(self) -> list[str]:
        """Retired databases: their last backups are deleted too when the retention ends."""
        return [
            name
            for name, own in sorted(self.inventory.databases.items())
            if is_retired(self.inventory.retired, name, (each.created_at for each in own))
        ]

    @property
    def needs_attention(self) -> bool:
        return bool(self.others) or not self.statuses or any(each.findings for each in self.statuses)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [self.document(each) for each in self.statuses]

    def document(self, status: Status) -> dict[str, Any]:
        """Returns the document of one database in `litekeep status --json`."""
        return _to_json(status, self.inventory, self.next_deletion(status.database))

    def row(self, status: Status) -> dict[str, Any]:
        """Returns the same document without `deleted_next`, which requires planning the retention."""
        document = _to_json(status, self.inventory, None)
        del document["deleted_next"]
        return document

    def next_deletion(self, database: str) -> NextDeletion | None:
        """Returns the backup that is deleted next. Its plan is made on the first call, for that database only."""
        if database not in self._planned:
            decisions = plan(self.inventory.databases.get(database, ()), self.policy, self.now).decisions
            self._planned[database] = next_deletion(decisions)
        return self._planned[database]


def take_look(store_url: str | None, database: str | None, *, clock: Clock = utc_now) -> Look:
    """Reads the stores of the settings; writes nothing. Raises StoreError."""
    settings = settings_with(backup_store=store_url)
    return look_at(settings, open_store(settings.backup_store), database, clock())


def look_at(
    settings: Settings,
    store: Store,
    database: str | None,
    now: datetime,
    *,
    listing_alone: bool = False,
    with_key: bool = True,
    surveyed: Survey | None = None,
) -> Look:
    """Like `take_look`, with these settings. See `look_at_stores` for the options."""
    listing, inventory = look_at_stores(
        settings, store, now, only=database, listing_alone=listing_alone, with_key=with_key, surveyed=surveyed
    )
    listing = replace(listing, problems=(*listing.problems, *failures_of(settings)))
    statuses = [status_of(name, listing, settings.backup_schedules, now) for name in sorted(listing.databases)]
    return Look(listing, statuses, inventory, retention_policy(settings), now)


def overall(look: Look) -> dict[str, Any]:
    """Returns the fields of `status --json` for several databases, or for none: the worst value of each."""
    slots = [each.next_scheduled for each in look.statuses if each.next_scheduled]
    soonest = min(slots, key=lambda slot: slot.at, default=None)
    findings = [*look.others, *(finding for each in look.statuses for finding in each.findings)]
    return {
        "database": None,
        "status": max(
            (each.standing for each in look.statuses), key=list(StatusLevel).index, default=StatusLevel.NEVER
        ),
        "last_backup": None,
        "age_seconds": _most([each.age for each in look.statuses]),
        "next_scheduled": None if soonest is None else {"kind": soonest.kind, "at": rfc3339(soonest.at)},
        "recovery_point_seconds": _most([each.recovery_point for each in look.statuses]),
        "held": [each for status in look.statuses for each in status.held],
        "alerts": [finding.to_json() for finding in findings],
    }


def _to_json(status: Status, inventory: Inventory, going: NextDeletion | None) -> dict[str, Any]:
    last, proven, slot = status.last, status.last_verified, status.next_scheduled
    return {
        "database": status.database,
        "status": status.standing,
        "last_backup": inventory.backups[last.name].to_json() if last else None,
        "age_seconds": _seconds(status.age),
        "size_bytes": last.size_bytes if last else None,
        "usual_size_bytes": None if status.usual_bytes is None else round(status.usual_bytes),
        "change_percent": status.change_percent,
        "last_verified": _proof(proven),
        "last_drilled": _time(status.drilled_at),
        "next_scheduled": {"kind": slot.kind, "at": rfc3339(slot.at)} if slot else None,
        "recovery_point_seconds": _seconds(status.recovery_point),
        "continuous": status.reach.to_json() if status.reach else None,
        "deleted_next": {"id": going.backup.id, "kind": going.backup.kind, "at": _time(going.at)} if going else None,
        "held": list(status.held),
        "erasures": status.pending_erasures.to_json() if status.pending_erasures else None,
        "alerts": [finding.to_json() for finding in status.findings],
    }


def _proof(proven: ObservedBackup | None) -> dict[str, Any] | None:
    if proven is None:
        return None
    return {"id": proven.name.id, "at": _time(proven.verified_at), "verdict": proven.trust}


def _most(lengths: list[timedelta | None]) -> int | None:
    """Returns the longest in seconds; None if one of them is unknown, because that is the worst case."""
    known = [length for length in lengths if length is not None]
    return _seconds(max(known)) if known and len(known) == len(lengths) else None


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
