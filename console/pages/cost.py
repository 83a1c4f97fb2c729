"""What the store costs, and what a change would save, as `litekeep cost` reports it."""

from flask import Blueprint, Response, request

from console.rendering import page
from console.wiring import wiring
from shared.terminal.costs import document_of, invoice_of
from shared.terminal.more_flags import CostFlags

blueprint = Blueprint("cost", __name__)
_DEFAULT_LOCATION = "us-central1"  # the default of `litekeep cost`


@blueprint.get("/cost")
def show() -> Response:
    """Shows the cost at the list prices of `location`. Raises UsageError for an unknown location."""
    parts, location = wiring(), request.args.get("location", _DEFAULT_LOCATION).lower()
    invoice, advice, prices = invoice_of(parts.settings, parts.store, CostFlags(location=location))
    return page("cost.html", document_of(invoice, advice, prices, location), locations=sorted(prices.storage_gib_month))
