"""The cost review as a page: names from the store do not become markup."""

from datetime import timedelta

import pytest

from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.cost.advice import Advice, advise
from shared.operations.cost.invoice import Terms, make_invoice
from shared.operations.cost.page import to_markdown
from shared.operations.cost.usage import Item, Usage
from tests.operations.cost.test_invoices import NOW, PRICES
from tests.operations.drill.test_reports import HOSTILE


def page_of(name: str) -> str:
    """Returns a review in which each untrusted text is `name`: store, database, class, advice and source."""
    taken = NOW - timedelta(days=1)
    backup = BackupName(Kind.DAILY, name, "one")
    items = [
        Item("daily", name, backup, "sqlite", storage_class, 1 << 30, taken, None)
        for storage_class in ("STANDARD", name)
    ]
    usage = Usage(items, [], in_bucket=True)
    invoice = make_invoice(usage, PRICES, Terms(), NOW)
    advice = [*advise(usage, PRICES, "us-central1", NOW), Advice(name, 1.0, name)]
    prices = PRICES.model_copy(update={"sources": {name: "https://example.com/\nprices"}})
    return to_markdown(name, invoice, advice, prices, "us-central1", NOW)


@pytest.mark.parametrize("name", [*HOSTILE, "a\n| x | y |", "*b*", "&lt;b&gt;", "www.evil.example", "| | |"])
def test_hostile_names_do_not_become_markup(name: str) -> None:
    page, plain = page_of(name), page_of("plain")
    assert page.count("\n") == plain.count("\n"), "no new line"
    assert "<script" not in page
    assert "](http" not in page
    assert "://evil" not in page.replace(":\\//", "")
    assert "www.evil" not in page
    assert not [character for character in page if not character.isprintable() and character != "\n"]
    for line in page.replace("\\|", "").splitlines():
        assert line.count("|") in {0, 3, 8}, "no new cell"
    assert "no price" in page, "a class without a price is named"
