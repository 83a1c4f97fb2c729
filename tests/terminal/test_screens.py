"""docs/screens.md shows what the commands print."""

import pytest

from tests.terminal.screens import PAGE, SIZES, heading, section, without_varying

AGAIN = "docs/screens.md is out of date: run python -m tests.terminal.screens"


def recorded(columns: int, rows: int) -> str:
    """Returns a section of the page."""
    _, title, rest = PAGE.read_text().partition(f"{heading(columns, rows)}\n")
    return title + rest.partition("\n## ")[0]


def test_the_page_has_a_section_for_each_size() -> None:
    headings = [line for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    assert headings == [heading(*size) for size in SIZES], AGAIN


@pytest.mark.parametrize("size", SIZES)
def test_screens_are_as_recorded(size: tuple[int, int]) -> None:
    shown, known = (without_varying(text).strip().splitlines() for text in (section(*size), recorded(*size)))
    assert shown == known, AGAIN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("✅ Age: 1 s (nightly)", "✅ Age: 2 min 10 s (nightly)"),
        ("Last backup: 2026-11-29 10:37:48 UTC", "Last backup: 2027-01-01 00:00:00 UTC"),
        ("  sql      176 kB  encrypted", "  sql   1.2 MB  encrypted"),
        ("age   size   rows\n─────", "age    size   rows\n──────"),
    ],
)
def test_varying_values_are_equal(one: str, other: str) -> None:
    assert without_varying(one) == without_varying(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("4813 rows", "4814 rows"), ("(daily: 7 d)", "(daily: 8 d)"), ("  from x", "from x"), ("1 s ago", "1 s old")],
)
def test_other_values_differ(one: str, other: str) -> None:
    assert without_varying(one) != without_varying(other)
