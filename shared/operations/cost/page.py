"""The cost review as a Markdown page."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.operations.cost.advice import Advice
from shared.operations.cost.invoice import Invoice
from shared.operations.cost.prices import Prices
from shared.operations.markdown import escape
from shared.text import printable


def to_markdown(
    url: str, invoice: Invoice, advice: Sequence[Advice], prices: Prices, location: str, now: datetime
) -> str:
    """Returns the page."""
    return "\n".join(_lines(url, invoice, advice, prices, location, now)) + "\n"


def _lines(
    url: str, invoice: Invoice, advice: Sequence[Advice], prices: Prices, location: str, now: datetime
) -> Iterator[str]:
    currency = invoice.currency
    yield f"# Cost review of {escape(url)}, {now:%Y} quarter {(now.month + 2) // 3}"
    yield ""
    yield f"{now:%Y-%m-%d %H:%M} UTC, list prices of {prices.read} for {location}, in {currency}."
    yield ""
    yield f"- now: **{invoice.monthly:.2f}** a month"
    yield f"- storage in 30 days at this rate: {invoice.in_30_days:.2f} a month"
    for title, name in (("kind", "kind"), ("storage class", "storage_class"), ("database", "database")):
        yield ""
        yield f"| {title} | {currency} a month |"
        yield "| --- | ---: |"
        for value, amount in invoice.by(name).items():
            yield f"| {escape(value)} | {amount:.2f} |"
    yield ""
    yield "## Lines"
    yield ""
    yield "| what | kind | database | class | quantity | price | amount |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: |"
    for line in invoice.lines:
        where = " | ".join(escape(each or "") for each in (line.kind, line.database, line.storage_class))
        yield f"| {line.what} | {where} | {line.quantity:.4g} {line.unit} | {line.price:g} | {line.amount:.4f} |"
    yield ""
    yield "## Possible savings"
    yield ""
    for each in advice:
        yield f"- {each.saves_monthly:+.2f}: {escape(each.change)}. {escape(each.note)}"
    if not advice:
        yield "None."
    yield ""
    yield "## Not counted"
    yield ""
    for reason in invoice.not_counted:
        yield f"- {escape(reason)}"
    yield ""
    yield "## Sources of the prices"
    yield ""
    for name, source in prices.sources.items():
        yield f"- {escape(name)}: {printable(source)}"  # a link
