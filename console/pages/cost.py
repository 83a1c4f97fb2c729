"""What the store costs, and what a change would save: what `litekeep cost` says."""

from flask import Blueprint, Response, request

from console.show import page
from console.wiring import wiring
from shared.terminal.costs import counted, document_of
from shared.terminal.flags import CostFlags

blueprint = Blueprint("cost", __name__)
_USUAL = "us-central1"  # as `litekeep cost` has it


@blueprint.get("/cost")
def show() -> Response:
    """At the list prices of `location`. Raises UsageError for one without a price."""
    parts, location = wiring(), request.args.get("location", _USUAL).lower()
    invoice, advice, prices = counted(parts.settings, parts.store, CostFlags(location=location))
    return page("cost.html", document_of(invoice, advice, prices, location), locations=sorted(prices.storage_gib_month))
