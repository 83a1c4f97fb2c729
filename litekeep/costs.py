"""What `litekeep cost` and `litekeep cost review` do with their flags, and what they show."""

from typing import Any

from shared.clock import rfc3339, utc_now
from shared.model.report_names import cost_review
from shared.operations.cost.advice import Advice, advise
from shared.operations.cost.invoice import Invoice, Terms, make_invoice
from shared.operations.cost.page import to_markdown
from shared.operations.cost.prices import Prices, read_prices
from shared.operations.cost.usage import take_usage
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.audit import audited
from shared.terminal.parts import event_log
from shared.terminal.screen import say, say_json, table

_OTHER_SCHEDULES = 4  # verify, drill, cleanup, monitor


def run_cost(settings: Settings, flags: dict[str, Any], *, as_json: bool) -> None:
    """Shows the invoice of the store. Raises UsageError for prices, StoreError for the store."""
    invoice, advice, prices = _counted(settings, flags)
    if as_json:
        say_json(_document(invoice, advice, prices, flags["location"]))
        return
    _say(invoice, advice, prices, settings.backup_store, flags["location"])


def run_review(settings: Settings, flags: dict[str, Any], *, as_json: bool) -> None:
    """Writes the page into the store, under a name of its own."""
    now, store = utc_now(), open_store(settings.backup_store)
    name = cost_review(now)
    with audited(event_log(settings, result_on_stdout=as_json), settings, "cost review", f"{store.url}/{name}"):
        invoice, advice, prices = _counted(settings, flags)
        page = to_markdown(store.url, invoice, advice, prices, flags["location"], now)
        store.create(name, page.encode(), {})
    if as_json:
        say_json({"object": name, **_document(invoice, advice, prices, flags["location"])})
        return
    say(f"Wrote {name} into {store.url}: {invoice.monthly:.2f} {invoice.currency} a month")


def _counted(settings: Settings, flags: dict[str, Any]) -> tuple[Invoice, list[Advice], Prices]:
    prices, now = read_prices(flags["prices"]), utc_now()
    prices.storage(flags["location"])  # a wrong one is refused before anything is listed
    usage = take_usage(open_store(settings.backup_store))
    scheduled = len(settings.backup_schedules or {})
    terms = Terms(
        location=flags["location"],
        key_versions=1 if settings.backup_key.startswith("gcp-kms://") else 0,
        schedules=scheduled + _OTHER_SCHEDULES if scheduled and usage.in_bucket else 0,
        run_seconds=flags["run_seconds"],
    )
    return make_invoice(usage, prices, terms, now), advise(usage, prices, flags["location"], now), prices


def _document(invoice: Invoice, advice: list[Advice], prices: Prices, location: str) -> dict[str, Any]:
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


def _say(invoice: Invoice, advice: list[Advice], prices: Prices, url: str, location: str) -> None:
    say(f"{url}: {invoice.monthly:.2f} {invoice.currency} a month at list prices of {prices.read} for {location};")
    say(f"storage in 30 days at this rate {invoice.in_30_days:.2f}")
    say()
    rows = [("kind", *each) for each in _amounts(invoice, "kind")]
    rows += [("class", *each) for each in _amounts(invoice, "storage_class")]
    rows += [("database", *each) for each in _amounts(invoice, "database")]
    if rows:
        table(("by", "", "a month"), rows, right=frozenset({2}))
    for each in advice:
        say(f"{each.saves_monthly:+9.2f}  {each.change}: {each.note}")
    if advice:
        say()
    say(f"Not counted: {'; '.join(invoice.not_counted)}")


def _amounts(invoice: Invoice, name: str) -> list[tuple[str, str]]:
    return [(value, f"{amount:.2f}") for value, amount in invoice.by(name).items()]
