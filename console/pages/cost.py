"""What the store costs, and what a change would save: what `litekeep cost` says."""

from flask import Blueprint, Response

from console.show import page
from console.wiring import wiring
from shared.terminal.costs import counted, document_of
from shared.terminal.flags import CostFlags

blueprint = Blueprint("cost", __name__)
_LOCATION = "us-central1"


@blueprint.get("/cost")
def show() -> Response:
    """At the list prices of one location."""
    parts = wiring()
    invoice, advice, prices = counted(parts.settings, parts.store, CostFlags(location=_LOCATION))
    return page("cost.html", document_of(invoice, advice, prices, _LOCATION))
