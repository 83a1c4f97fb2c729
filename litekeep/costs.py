"""Implements `litekeep cost` and `litekeep cost review`."""

from shared.clock import utc_now
from shared.model.report_names import cost_review
from shared.operations.cost.advice import Advice
from shared.operations.cost.invoice import Invoice
from shared.operations.cost.page import to_markdown
from shared.operations.cost.prices import Prices
from shared.settings import Settings
from shared.stores import open_store
from shared.terminal.audit import audited
from shared.terminal.costs import document_of, invoice_of
from shared.terminal.more_flags import CostFlags
from shared.terminal.parts import event_log
from shared.terminal.screen import say, say_json, table


def run_cost(settings: Settings, flags: CostFlags, *, as_json: bool) -> None:
    """Shows what the store costs. Raises UsageError for a wrong price file or location, StoreError."""
    invoice, advice, prices = invoice_of(settings, open_store(settings.backup_store), flags)
    if as_json:
        say_json(document_of(invoice, advice, prices, flags.location))
        return
    _say(invoice, advice, prices, settings.backup_store, flags.location)


def run_review(settings: Settings, flags: CostFlags, *, as_json: bool) -> None:
    """Writes the costs as a new page into the store. Raises UsageError, StoreError."""
    now, store = utc_now(), open_store(settings.backup_store)
    name = cost_review(now)
    with audited(event_log(settings, result_on_stdout=as_json), settings, "cost review", f"{store.url}/{name}"):
        invoice, advice, prices = invoice_of(settings, open_store(settings.backup_store), flags)
        page = to_markdown(store.url, invoice, advice, prices, flags.location, now)
        store.create(name, page.encode(), {})
    if as_json:
        say_json({"object": name, **document_of(invoice, advice, prices, flags.location)})
        return
    say(f"Wrote {name} into {store.url}: {invoice.monthly:.2f} {invoice.currency} a month")


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
