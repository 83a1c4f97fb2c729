"""A line that is wider than the terminal breaks between words, and its pieces read as one line."""

import pytest

from shared.terminal.wrapping import broken, cells

LONG = "a-word-of-sixty-letters-" + "x" * 36


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("one two three four five", ["one two three four", "  five"]),
        ("  ✓ data  some words that go", ["  ✓ data  some words", "    that go"]),
        ("a    some words that go on", ["a    some words that", "     go on"]),
        ("  sql  176 kB  a/long/path", ["  sql  176 kB", "    a/long/path"]),
        ("Left out: schéma ✅ ✅ ✅", ["Left out: schéma ✅", "  ✅ ✅"]),
    ],
)
def test_a_line_of_words_in_twenty_columns(line: str, pieces: list[str]) -> None:
    assert broken(line, 20) == pieces


def test_a_word_that_no_line_can_hold_stays_whole_so_that_it_can_be_copied() -> None:
    assert broken(f"  to {LONG} now", 20) == ["  to", f"    {LONG}", "    now"]


@pytest.mark.parametrize("width", range(1, 90))
def test_nothing_is_lost_and_no_piece_is_too_wide_at_any_width(width: int) -> None:
    line = "  ✓ checksum  sqlite: 216787 bytes as announced; sql: 176422 bytes as announced"
    pieces = broken(line, width)
    assert " ".join(pieces).split() == line.split()
    longest = max(map(len, line.split()))
    assert all(cells(piece) <= max(width, longest + 4) for piece in pieces)
