"""The monthly cost of a store, for `litekeep cost` and the console."""

from typing import Any

from shared.clock import rfc3339, utc_now
from shared.operations.cost.advice import Advice, advise
from shared.operations.cost.invoice import Invoice, Terms, make_invoice
from shared.operations.cost.prices import Prices, read_prices
from shared.operations.cost.usage import take_usage
from shared.settings import Settings
from shared.stores import Store
from shared.terminal.more_flags import CostFlags

_OTHER_SCHEDULES = 4  # verify, drill, cleanup, monitor


def invoice_of(settings: Settings, store: Store, flags: CostFlags) -> tuple[Invoice, list[Advice], Prices]:
    """Returns the invoice of the store, advice on savings, and the prices. Raises UsageError, StoreError."""
    prices, now = read_prices(flags.prices), utc_now()
    prices.storage(flags.location)  # refuses an unknown location before the store is listed
    usage = take_usage(store)
    scheduled = len(settings.backup_schedules or {})
    terms = Terms(
        location=flags.location,
        key_versions=1 if settings.backup_key.startswith("gcp-kms://") else 0,
        schedules=scheduled + _OTHER_SCHEDULES if scheduled and usage.in_bucket else 0,
        run_seconds=flags.run_seconds,
    )
    return make_invoice(usage, prices, terms, now), advise(usage, prices, flags.location, now), prices


def document_of(invoice: Invoice, advice: list[Advice], prices: Prices, location: str) -> dict[str, Any]:
    """Returns the document of `litekeep cost --json`."""
    return {
        "currency": invoice.currency,
        "monthly": _rounded(invoice.monthly),
        "in_30_days": _rounded(invoice.in_30_days),
        "by_kind": {name: _rounded(amount) for name, amount in invoice.by("kind").items()},
        "by_class": {name: _rounded(amount) for name, amount in invoice.by("storage_class").items()},
        "by_database": {name: _rounded(amount) for name, amount in invoice.by("database").items()},
        "advice": [
            {"change": each.change, "saves_monthly": _rounded(each.saves_monthly), "note": each.note} for each in advice
        ],
        "not_counted": invoice.not_counted,
        "location": location,
        "prices_read": prices.read,
        "counted_at": rfc3339(utc_now()),
    }


def _rounded(amount: float) -> float:
    return round(amount, 6)
