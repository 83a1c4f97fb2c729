"""Plans a restore, and requests it."""

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.rendering import page
from console.request_actions import make_request
from console.restore_plan import Planned, RestoreForm, plan
from console.wiring import caller, roles, wiring
from shared.approvals.documents import checked_reason
from shared.errors import LitekeepError, NotGood
from shared.model.request_names import new_request_id

blueprint = Blueprint("restore", __name__)
_PURPOSE = "restore"
_MOST_CHOICES = 200  # backups


@blueprint.get("/restore")
def show() -> Response:
    """Shows the form; with `plan=1` also the plan. Changes nothing."""
    parts, wanted = wiring(), RestoreForm.read(request.args)
    planned, problem = _planned(wanted) if request.args.get("plan") else (None, None)
    backups = [each for each in parts.look().inventory.backups.values() if each.name.database == wanted.database]
    backups.sort(key=lambda each: each.created_at, reverse=True)
    document = {
        "database": wanted.database,
        "choices": [each.to_json() for each in backups[:_MOST_CHOICES]],
        "plan": None if planned is None else planned.plan,
        "about": None if planned is None else planned.about,
        "checks": [] if planned is None else planned.checks,
        "command": None if planned is None else planned.command,
        "problem": problem,
        "may_ask": roles().ask,
    }
    token = None if planned is None or not roles().ask else _token(planned)
    return page("restore.html", document, wanted=wanted, token=token)


@blueprint.post("/restore")
def send() -> AnyResponse:
    """Requests the plan that was shown. The same form sent twice makes one request."""
    name = wiring().forms.name_in(request, caller().name, _PURPOSE)
    request_id, _, digest = name.partition(" ")
    reason = checked_reason(request.form.get("reason", ""))
    planned = plan(RestoreForm.read(request.form))
    if planned.digest != digest:
        raise NotGood("the plan has changed since it was shown: load the page again")
    make_request(request_id, planned.plan, planned.about, reason)
    return redirect(url_for("requests.one", id=request_id), 303)


def _planned(wanted: RestoreForm) -> tuple[Planned | None, str | None]:
    try:
        return plan(wanted), None
    except LitekeepError as error:
        return None, str(error)


def _token(planned: Planned) -> str:
    parts = wiring()
    return parts.forms.token(caller().name, _PURPOSE, f"{new_request_id(parts.clock())} {planned.digest}")
