"""One database: its state, its backups over time, the moments it can be restored to, and what is deleted next."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from flask import Blueprint, Response, abort, request
from markupsafe import Markup

from console.paging import PAGE, page_number, pages_of
from console.plots import Series, bars_of_time, over_time
from console.rendering import page
from console.wiring import Wiring, wiring
from shared.catalog.backup import Backup
from shared.clock import is_future, rfc3339
from shared.continuous.timeline import Timeline, timeline
from shared.model.kinds import Kind
from shared.model.lock_names import marks_prefix, parse_unchanged
from shared.monitor.judge import in_force
from shared.monitor.listing import ObservedBackup
from shared.operations.drill.history import PastDrill, read_drill
from shared.retention.plan import RetentionDecision
from shared.retention.rules import plan
from shared.terminal.overall import Look
from shared.terminal.retention import retention_policy

blueprint = Blueprint("database", __name__)
_MOST_DRILLS = 24
_MOST_DELETIONS = 10  # backups that are deleted next
_MOST_ROWS = 30  # of the table under a plot


@blueprint.get("/database")
def show() -> Response:
    """Shows the database `name`. `page` is the page number in the table of its backups."""
    parts, name = wiring(), request.args.get("name", "")
    if name not in parts.look().listing.databases and name not in parts.look().retired:
        abort(404)
    look = parts.look_closely(name)
    own = [backup for backup in look.inventory.backups.values() if backup.name.database == name]
    own.sort(key=lambda each: (each.created_at, each.name.id))
    number = page_number(len(own))
    drills, reachable = _drills(parts, look, name), _timeline(parts, name, own)
    limit = _allowed(parts, look.listing.databases.get(name, ()))
    document = {
        **(look.documents[0] if look.documents else {"database": name, "status": "never", "alerts": []}),
        "page": number,
        "pages": pages_of(len(own)),
        "count": len(own),
        "backups": [each.to_json() for each in own[::-1][(number - 1) * PAGE : number * PAGE]],
        "history": _history(own),
        "allowed_age_seconds": limit,
        "drills": [each.to_json() for each in drills],
        "timeline": {"ranges": [r.to_json() for r in reachable.ranges], "gaps": [g.to_json() for g in reachable.gaps]},
        "deletions": [_decision(each) for each in _next_deletions(parts, look, name)],
        "store_alerts": [each.to_json() for each in look.others],
        "not_looked_at": look.listing.not_looked_at,
    }
    return page("database.html", document, chosen={"name": name}, plots=_plots(own, drills, reachable, limit))


def _history(own: Sequence[Backup]) -> list[dict[str, Any]]:
    """Returns the figures of the newest backups, newest first."""
    return [
        {
            "id": each.name.id,
            "at": rfc3339(each.created_at),
            "bytes": each.stored_bytes,
            "rows": each.rows,
            "since_before_seconds": None if previous is None else _seconds_between(previous, each),
        }
        for previous, each in pairwise([None, *own][-_MOST_ROWS - 1 :])
        if each is not None
    ][::-1]


def _seconds_between(earlier: Backup, later: Backup) -> float:
    return (later.created_at - earlier.created_at).total_seconds()


def _allowed(parts: Wiring, own: Sequence[ObservedBackup]) -> float | None:
    """Returns how many seconds old the newest backup may be by the schedules; None if nothing is scheduled."""
    schedules = in_force(parts.settings.backup_schedules, own)
    ages = [each.allowed_age(parts.clock()).total_seconds() for each in schedules.values()]
    return min(ages, default=None)


def _plots(
    own: Sequence[Backup], drills: Sequence[PastDrill], reachable: Timeline, limit: float | None
) -> dict[str, Markup]:
    whole = [each for each in own if each.name.kind is not Kind.CONTINUOUS and each.damaged is None]
    rows = [(each.created_at, float(count)) for each in whole if (count := each.rows) is not None]
    took = [
        (each.name.held_at, float(seconds))
        for each in reversed(drills)
        if (seconds := each.to_json()["recovery_seconds"]) is not None
    ]
    intervals = [(later.created_at, _seconds_between(earlier, later)) for earlier, later in pairwise(own)]
    return {
        "size": over_time(
            "Stored size of each backup", [Series("size", [(e.created_at, e.stored_bytes) for e in whole])], "bytes"
        ),
        "rows": over_time("Rows in each backup", [Series("rows", rows)], "rows"),
        "age": over_time("Time since the previous backup", [Series("age", intervals)], "seconds", limit),
        "drills": over_time("Recovery time in drills", [Series("recovery", took)], "seconds"),
        "reach": bars_of_time(
            "Moments you can restore, and gaps",
            [(each.since, each.until) for each in reachable.ranges],
            [(each.since, each.until) for each in reachable.gaps],
        ),
    }


def _drills(parts: Wiring, look: Look, name: str) -> list[PastDrill]:
    """Returns the drills of that database, newest first."""
    held = sorted(look.listing.drills.get(name, ()), key=lambda each: each.held_at, reverse=True)
    drills = [read_drill(parts.store, each) for each in held[:_MOST_DRILLS]]
    return [each for each in drills if each is not None]


def _timeline(parts: Wiring, name: str, own: Sequence[Backup]) -> Timeline:
    now = parts.clock()
    listed = parts.store.list_objects(marks_prefix(Kind.CONTINUOUS, name))
    marks = [mark.at for item in listed if (mark := parse_unchanged(item.name)) and not is_future(mark.at, now)]
    return timeline(name, own, marks, None, now)


def _next_deletions(parts: Wiring, look: Look, name: str) -> list[RetentionDecision]:
    """Returns the decisions on the backups that are deleted next, the earliest first."""
    decisions = plan(look.inventory.databases.get(name, ()), retention_policy(parts.settings), parts.clock()).decisions
    timed = [each for each in decisions if each.kept_until is not None]
    return sorted(timed, key=lambda each: (not each.delete, each.kept_until))[:_MOST_DELETIONS]


def _decision(decision: RetentionDecision) -> dict[str, Any]:
    return {
        "id": decision.backup.name.id,
        "kind": decision.backup.name.kind.value,
        "due": decision.delete,
        "until": rfc3339(decision.kept_until) if decision.kept_until else None,
        "why": decision.reason,
    }
