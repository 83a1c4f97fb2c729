"""Who did what: events of the audit trail as pages show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.approvals.state import RequestState
from shared.audit.read import Entry
from shared.audit.search import Filter, search
from shared.catalog.backup import Backup
from shared.clock import rfc3339
from shared.stores import Store

_MOST = 200
_OF_A_RUN = ("restore", "restore.started", "restore.succeeded", "restore.failed", "restore.break_glass")


@dataclass(frozen=True)
class TrailEvent:
    """One event. What it holds was written by whoever could write to the store: `litekeep audit verify` tells more."""

    entry: Entry

    @property
    def action(self) -> str:
        event = self.entry.event or {}
        return str(event.get("action") if event.get("event") == "audit" else event.get("event", ""))

    def to_json(self) -> dict[str, Any]:
        event = self.entry.event or {}
        named = ("outcome", "database", "backup_id", "target", "request", "reason")
        ending = self.action.rpartition(".")[2]
        return {
            "at": rfc3339(self.entry.name.at),
            "actor": _text(event.get("actor") or event.get("person")),
            "action": self.action,
            **{name: _text(event.get(name)) for name in named},
            **({"outcome": ending} if ending in ("succeeded", "failed", "refused") else {}),
            "object": self.entry.object,
        }


def deeds(store: Store, wanted: Filter, most: int = _MOST) -> list[TrailEvent]:
    """The newest first. Raises StoreError."""
    return [TrailEvent(entry) for entry in search(store, wanted, most)]


def deeds_of_backup(store: Store, backup: Backup) -> list[TrailEvent]:
    """What was done with it since it was taken."""
    wanted = Filter(
        since=backup.created_at - timedelta(hours=1), backup_id=backup.name.id, database=backup.name.database
    )
    return deeds(store, wanted, 50)


def deeds_of_request(store: Store, state: RequestState) -> list[TrailEvent]:
    """How it went on after the request was made, oldest first: its start and end, as the job tells them."""
    if state.request is None:
        return []
    wanted = Filter(since=state.request.requested_at, backup_id=str(state.request.plan.get("backup_id")))
    return list(_of_a_run(deeds(store, wanted)))[::-1]


def _of_a_run(found: list[TrailEvent]) -> Iterator[TrailEvent]:
    for deed in found:
        if deed.action in _OF_A_RUN:
            yield deed


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
