"""One database: how it stands, its backups over time, the moments that can be reached, and what goes next and why."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from flask import Blueprint, Response, abort, request
from markupsafe import Markup

from console.paging import PAGE, page_number, pages_of
from console.plots import Series, bars_of_time, over_time
from console.show import page
from console.wiring import Wiring, wiring
from shared.catalog.backup import Backup
from shared.clock import is_future, rfc3339
from shared.continuous.timeline import Timeline, timeline
from shared.model.kinds import Kind
from shared.model.lock_names import marks_prefix, parse_unchanged
from shared.monitor.judge import in_force
from shared.monitor.listing import Seen
from shared.operations.drill.history import PastDrill, read_drill
from shared.retention.plan import RetentionDecision
from shared.retention.rules import plan
from shared.terminal.overall import Look
from shared.terminal.retention import retention_policy

blueprint = Blueprint("database", __name__)
_MOST_DRILLS = 24
_NEXT = 10  # backups that go next
_ROWS = 30  # of the table under a plot


@blueprint.get("/database")
def show() -> Response:
    """`name` is the database, `page` that of its backups."""
    parts, name = wiring(), request.args.get("name", "")
    if name not in parts.look().listing.databases and name not in parts.look().retired:
        abort(404)
    look = parts.look_closely(name)
    own = [backup for backup in look.inventory.backups.values() if backup.name.database == name]
    own.sort(key=lambda each: (each.created_at, each.name.id))
    number = page_number(len(own))
    drills, reach = _drills(parts, look, name), _timeline(parts, name, own)
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
        "timeline": {"ranges": [r.to_json() for r in reach.ranges], "gaps": [g.to_json() for g in reach.gaps]},
        "deletions": [_decision(each) for each in _next(parts, look, name)],
        "store_alerts": [each.to_json() for each in look.others],
        "not_looked_at": look.listing.not_looked_at,
    }
    return page("database.html", document, chosen={"name": name}, plots=_plots(own, drills, reach, limit))


def _history(own: Sequence[Backup]) -> list[dict[str, Any]]:
    """The numbers of the newest backups, newest first."""
    return [
        {
            "id": each.name.id,
            "at": rfc3339(each.created_at),
            "bytes": each.stored_bytes,
            "rows": each.rows,
            "since_before_seconds": None if before is None else _apart(before, each),
        }
        for before, each in pairwise([None, *own][-_ROWS - 1 :])
        if each is not None
    ][::-1]


def _apart(before: Backup, after: Backup) -> float:
    return (after.created_at - before.created_at).total_seconds()


def _allowed(parts: Wiring, own: Sequence[Seen]) -> float | None:
    """How old the newest backup of any kind may be by the schedules, in seconds; None where nothing is scheduled."""
    schedules = in_force(parts.settings.backup_schedules, own)
    ages = [each.allowed_age(parts.clock()).total_seconds() for each in schedules.values()]
    return min(ages, default=None)


def _plots(
    own: Sequence[Backup], drills: Sequence[PastDrill], reach: Timeline, limit: float | None
) -> dict[str, Markup]:
    whole = [each for each in own if each.name.kind is not Kind.CONTINUOUS and each.damaged is None]
    rows = [(each.created_at, float(count)) for each in whole if (count := each.rows) is not None]
    took = [
        (each.name.held_at, float(seconds))
        for each in reversed(drills)
        if (seconds := each.to_json()["recovery_seconds"]) is not None
    ]
    between = [(after.created_at, _apart(before, after)) for before, after in pairwise(own)]
    return {
        "size": over_time(
            "Stored size of each backup", [Series("size", [(e.created_at, e.stored_bytes) for e in whole])], "bytes"
        ),
        "rows": over_time("Rows in each backup", [Series("rows", rows)], "rows"),
        "age": over_time("Time since the backup before", [Series("age", between)], "seconds", limit),
        "drills": over_time("Recovery time in drills", [Series("recovery", took)], "seconds"),
        "reach": bars_of_time(
            "Moments that can be reached, and gaps",
            [(each.since, each.until) for each in reach.ranges],
            [(each.since, each.until) for each in reach.gaps],
        ),
    }


def _drills(parts: Wiring, look: Look, name: str) -> list[PastDrill]:
    """The newest first."""
    held = sorted(look.listing.drills.get(name, ()), key=lambda each: each.held_at, reverse=True)
    found = [read_drill(parts.store, each) for each in held[:_MOST_DRILLS]]
    return [each for each in found if each is not None]


def _timeline(parts: Wiring, name: str, own: Sequence[Backup]) -> Timeline:
    now = parts.clock()
    listed = parts.store.list_objects(marks_prefix(Kind.CONTINUOUS, name))
    marks = [mark.at for item in listed if (mark := parse_unchanged(item.name)) and not is_future(mark.at, now)]
    return timeline(name, own, marks, None, now)


def _next(parts: Wiring, look: Look, name: str) -> list[RetentionDecision]:
    decisions = plan(look.inventory.databases.get(name, ()), retention_policy(parts.settings), parts.clock()).decisions
    own = [each for each in decisions if each.kept_until is not None]
    return sorted(own, key=lambda each: (not each.delete, each.kept_until))[:_NEXT]


def _decision(decision: RetentionDecision) -> dict[str, Any]:
    return {
        "id": decision.backup.name.id,
        "kind": decision.backup.name.kind.value,
        "due": decision.delete,
        "until": rfc3339(decision.kept_until) if decision.kept_until else None,
        "why": decision.reason,
    }
