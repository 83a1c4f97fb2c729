"""One database: how it stands, its backups, the moments that can be reached, and what goes next."""

from flask import Blueprint, Response, abort, request

from console.paging import PAGE, page_number, pages_of
from console.show import page
from console.wiring import wiring
from shared.terminal.overall import Look

blueprint = Blueprint("database", __name__)


@blueprint.get("/database")
def show() -> Response:
    """`name` is the database, `page` that of its backups."""
    parts, name = wiring(), request.args.get("name", "")
    look = parts.look_closely(name)
    own = [backup for backup in look.inventory.backups.values() if backup.name.database == name]
    if not own and name not in parts.look().listing.databases:
        abort(404)
    newest_first = sorted(own, key=lambda each: (each.created_at, each.name.id), reverse=True)
    number = page_number(len(newest_first))
    shown = newest_first[(number - 1) * PAGE : number * PAGE]
    document = {
        **look.documents[0],
        "page": number,
        "pages": pages_of(len(newest_first)),
        "count": len(newest_first),
        "backups": [each.to_json() for each in shown],
        **_problems(look),
    }
    return page("database.html", document, chosen={"name": name})


def _problems(look: Look) -> dict[str, object]:
    return {"store_alerts": [each.to_json() for each in look.others], "not_looked_at": look.listing.not_looked_at}
