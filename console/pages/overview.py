"""All databases in a table, the worst first: what `litekeep status` says of each."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from console.drills import last_drill
from console.paging import PAGE, page_number, pages_of
from console.show import page
from console.wiring import Wiring, wiring
from shared.errors import UsageError
from shared.monitor.status import StatusLevel
from shared.terminal.overall import Look, overall

blueprint = Blueprint("overview", __name__)

_BADNESS = [StatusLevel.NEVER, StatusLevel.FAILING, StatusLevel.STALE, StatusLevel.OK]
_LONGEST = 255  # characters of a filter


def _worst(row: dict[str, Any]) -> Any:
    alerts = len(row["alerts"])
    return (_BADNESS.index(row["status"]), -alerts, -(row["recovery_point_seconds"] or 0), row["database"])


def _by(field: str, *, most_first: bool = True) -> Callable[[dict[str, Any]], Any]:
    def key(row: dict[str, Any]) -> Any:
        value = row[field]
        sign = -1 if most_first else 1
        return (value is not None, sign * (value or 0), row["database"])

    return key


SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "worst": _worst,
    "name": lambda row: row["database"],
    "age": _by("age_seconds"),
    "recovery-point": _by("recovery_point_seconds"),
    "size": _by("size_bytes"),
}


@blueprint.get("/")
def show() -> Response:
    """`q` is in the name, `state` the standing, `sort` one of SORTS, `page` from 1."""
    parts = wiring()
    look = parts.look()
    text, state = request.args.get("q", "")[:_LONGEST], request.args.get("state", "")
    sort = request.args.get("sort", "worst")
    if sort not in SORTS or state not in ("", "attention", *StatusLevel):
        raise UsageError(f"sort is one of {', '.join(SORTS)}, and state one of attention, {', '.join(StatusLevel)}")
    rows = [each for each in look.documents if _fits(each, text, state)]
    rows.sort(key=SORTS[sort])
    number = page_number(len(rows))
    shown = rows[(number - 1) * PAGE : number * PAGE]
    document = {
        "store": parts.settings.backup_store,
        "environment": parts.settings.environment.value,
        **_summary(look),
        "matching": len(rows),
        "page": number,
        "pages": pages_of(len(rows)),
        "databases": [each | {"drill": _drill(parts, look, each["database"])} for each in shown],
    }
    chosen = {"q": text, "state": state, "sort": sort}
    return page("overview.html", document, chosen=chosen, sorts=list(SORTS), standings=list(StatusLevel))


def _summary(look: Look) -> dict[str, Any]:
    whole = overall(look)
    counts = {state.value: sum(1 for each in look.statuses if each.standing is state) for state in StatusLevel}
    return {
        "status": whole["status"],
        "count": len(look.statuses),
        "by_status": counts,
        "attention": sum(1 for each in look.statuses if each.findings),
        "alerts": [finding.to_json() for finding in look.others],
        "retired": look.retired,
    }


def _fits(row: dict[str, Any], text: str, state: str) -> bool:
    if text and text.casefold() not in row["database"].casefold():
        return False
    return bool(row["alerts"]) if state == "attention" else state in ("", row["status"])


def _drill(parts: Wiring, look: Look, database: str) -> dict[str, Any] | None:
    drill = last_drill(parts.store, look.listing.drills.get(database, ()))
    return None if drill is None else drill.to_json()
