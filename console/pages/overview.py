"""All databases in a table, the worst first, as `litekeep status` reports them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request

from console.drills import last_drill
from console.paging import PAGE, page_number, pages_of
from console.rendering import page, wants_json
from console.wiring import Wiring, wiring
from shared.errors import UsageError
from shared.monitor.status import Status, StatusLevel
from shared.terminal.overall import Look, overall

blueprint = Blueprint("overview", __name__)

_WORST_FIRST = [StatusLevel.NEVER, StatusLevel.FAILING, StatusLevel.STALE, StatusLevel.OK]
_LONGEST_FILTER = 255  # characters


def _worst(status: Status) -> Any:
    age = status.recovery_point or timedelta(0)
    return (_WORST_FIRST.index(status.standing), -len(status.findings), -age, status.database)


def _most(status: Status, value: float | None) -> Any:
    """Sort key: the largest value first, but a database without a value before all others."""
    return (value is not None, -(value or 0), status.database)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


SORTS: dict[str, Callable[[Status], Any]] = {
    "worst": _worst,
    "name": lambda status: status.database,
    "age": lambda status: _most(status, _seconds(status.age)),
    "recovery-point": lambda status: _most(status, _seconds(status.recovery_point)),
    "size": lambda status: _most(status, status.last.size_bytes if status.last else None),
}


@blueprint.get("/")
def show() -> Response:
    """Shows the databases whose names contain `q` and that are in `state`; `sort` is one of SORTS, `page` from 1."""
    parts = wiring()
    look = parts.look()
    text, state = request.args.get("q", "")[:_LONGEST_FILTER], request.args.get("state", "")
    sort = request.args.get("sort", "worst")
    if sort not in SORTS or state not in ("", "attention", *StatusLevel):
        raise UsageError(
            f"sort must be one of {', '.join(SORTS)}, and state one of attention, {', '.join(StatusLevel)}"
        )
    matching = [each for each in look.statuses if _matches(each, text, state)]
    matching.sort(key=SORTS[sort])
    number = page_number(len(matching))
    shown = matching[(number - 1) * PAGE : number * PAGE]
    document = {
        "store": parts.settings.backup_store,
        "environment": parts.settings.environment.value,
        **_summary(look),
        "matching": len(matching),
        "page": number,
        "pages": pages_of(len(matching)),
        "databases": [_row(look, each) | {"drill": _drill(parts, look, each.database)} for each in shown],
    }
    chosen = {"q": text, "state": state, "sort": sort}
    return page("overview.html", document, chosen=chosen, sorts=list(SORTS), levels=list(StatusLevel))


def _row(look: Look, status: Status) -> dict[str, Any]:
    """Returns a row, without `deleted_next`: the page does not show it, and planning retention takes time."""
    return look.document(status) if wants_json() else look.row(status)


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


def _matches(status: Status, text: str, state: str) -> bool:
    if text and text.casefold() not in status.database.casefold():
        return False
    return bool(status.findings) if state == "attention" else state in ("", status.standing)


def _drill(parts: Wiring, look: Look, database: str) -> dict[str, Any] | None:
    drill = last_drill(parts.store, look.listing.drills.get(database, ()))
    return None if drill is None else drill.to_json()
