"""Events of the audit trail, as pages show them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.approvals.state import RequestState
from shared.audit.read import Entry
from shared.audit.search import Filter, search
from shared.catalog.backup import Backup
from shared.clock import rfc3339
from shared.stores import Store

_MOST_EVENTS = 200
_MOST_EVENTS_OF_BACKUP = 50
_RESTORE_ACTIONS = ("restore", "restore.started", "restore.succeeded", "restore.failed", "restore.break_glass")


@dataclass(frozen=True)
class TrailEvent:
    """One event. Its content is not authenticated here: `litekeep audit verify` checks the trail."""

    entry: Entry

    @property
    def action(self) -> str:
        event = self.entry.event or {}
        return str(event.get("action") if event.get("event") == "audit" else event.get("event", ""))

    def to_json(self) -> dict[str, Any]:
        event = self.entry.event or {}
        fields = ("outcome", "database", "backup_id", "target", "request", "reason")
        ending = self.action.rpartition(".")[2]
        return {
            "at": rfc3339(self.entry.name.at),
            "actor": _text(event.get("actor") or event.get("person")),
            "action": self.action,
            **{name: _text(event.get(name)) for name in fields},
            **({"outcome": ending} if ending in ("succeeded", "failed", "refused") else {}),
            "object": self.entry.object,
        }


def find_events(store: Store, wanted: Filter, limit: int = _MOST_EVENTS) -> list[TrailEvent]:
    """Returns the matching events, newest first, at most `limit`. Raises StoreError."""
    return [TrailEvent(entry) for entry in search(store, wanted, limit)]


def events_of_backup(store: Store, backup: Backup) -> list[TrailEvent]:
    """Returns the events that name this backup, newest first."""
    wanted = Filter(
        since=backup.created_at - timedelta(hours=1), backup_id=backup.name.id, database=backup.name.database
    )
    return find_events(store, wanted, _MOST_EVENTS_OF_BACKUP)


def events_of_request(store: Store, state: RequestState) -> list[TrailEvent]:
    """Returns the events of the restore that the request led to, oldest first. The restore job records them."""
    if state.request is None:
        return []
    wanted = Filter(since=state.request.requested_at, backup_id=str(state.request.plan.get("backup_id")))
    return [event for event in find_events(store, wanted) if event.action in _RESTORE_ACTIONS][::-1]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
