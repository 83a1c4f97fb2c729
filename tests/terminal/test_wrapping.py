"""Lines wider than the terminal are wrapped between words."""

import pytest

from shared.terminal.wrapping import cell_width, wrap

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
def test_line_is_wrapped_and_indented(line: str, pieces: list[str]) -> None:
    assert wrap(line, 20) == pieces


def test_word_longer_than_the_width_stays_whole() -> None:
    assert wrap(f"  to {LONG} now", 20) == ["  to", f"    {LONG}", "    now"]


@pytest.mark.parametrize("width", range(1, 90))
def test_wrapping_keeps_every_word_and_respects_the_width(width: int) -> None:
    line = "  ✓ checksum  sqlite: 216787 bytes as recorded; sql: 176422 bytes as recorded"
    pieces = wrap(line, width)
    assert " ".join(pieces).split() == line.split()
    longest = max(map(len, line.split()))
    assert all(cell_width(piece) <= max(width, longest + 4) for piece in pieces)
