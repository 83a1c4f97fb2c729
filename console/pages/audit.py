"""The audit trail: its events, and whether it is complete."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request

from console.rendering import page
from console.trail import find_events
from console.wiring import Wiring, wiring
from shared.audit.search import Filter
from shared.errors import UsageError
from shared.terminal.trail_check import checked_trail

blueprint = Blueprint("audit", __name__)
_DAYS = {"1": 1, "7": 7, "30": 30, "400": 400}
_FIELDS = ("actor", "action", "outcome", "database", "backup_id")
_LONGEST_FILTER = 255  # characters


@blueprint.get("/audit")
def show() -> Response:
    """Shows the newest 200 matching events. `check=1` also checks the trail of these days against its checkpoints."""
    parts = wiring()
    days = request.args.get("days", "7")
    if days not in _DAYS:
        raise UsageError(f"days must be one of {', '.join(_DAYS)}")
    chosen = {name: request.args.get(name, "")[:_LONGEST_FILTER].strip() for name in _FIELDS}
    since = parts.clock() - timedelta(days=_DAYS[days])
    fields: dict[str, Any] = {name: value or None for name, value in chosen.items()}
    wanted = Filter(since=since, **fields)
    events = find_events(parts.store, wanted)
    document = {
        "events": [each.to_json() for each in events],
        "check": _check(parts, _DAYS[days]) if request.args.get("check") == "1" else None,
    }
    return page("audit.html", document, chosen=chosen, days=days, lengths=list(_DAYS))


def _check(parts: Wiring, days: int) -> dict[str, Any]:
    since = parts.clock() - timedelta(days=days)
    return checked_trail(parts.settings, since, store=parts.store, clock=parts.clock).to_json()
