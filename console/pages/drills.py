"""All drills, with the recovery times that they measured."""

from flask import Blueprint, Response

from console.paging import PAGE, page_number, pages_of
from console.rendering import page
from console.wiring import wiring
from shared.operations.drill.history import read_drill

blueprint = Blueprint("drills", __name__)


@blueprint.get("/drills")
def show() -> Response:
    """Shows the drills, newest first."""
    parts = wiring()
    names = [each for own in parts.look().listing.drills.values() for each in own]
    names.sort(key=lambda each: (each.held_at, each.report), reverse=True)
    number = page_number(len(names))
    read = [read_drill(parts.store, each) for each in names[(number - 1) * PAGE : number * PAGE]]
    look = parts.look()
    document = {
        "count": len(names),
        "failed": sum(1 for each in names if not each.passed),
        "never_drilled": sorted(each.database for each in look.statuses if each.drilled_at is None),
        "page": number,
        "pages": pages_of(len(names)),
        "drills": [each.to_json() for each in read if each is not None],
    }
    return page("drills.html", document)
