"""Text output: counts, sizes, ages and tables; and JSON documents."""

import json

import pytest

from shared.model.kinds import Kind
from shared.terminal.screen import say_json, table
from shared.text import age, count, size


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (12_345, "12,345 entries")]
)
def test_count_is_followed_by_singular_or_plural(number: int, text: str) -> None:
    assert count(number, "entry", "entries", separator=",") == text
    assert count(number, "table") == f"{number} {'table' if number == 1 else 'tables'}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (127_400_000, "127 MB"),
        (999_600_000, "1.0 GB"),
        (4_000_000_000_000, "4.0 TB"),
    ],
)
def test_size_uses_decimal_units(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (90_000, "1 d"), (-1, "in the future")],
)
def test_age_uses_its_largest_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_long_table_aligns_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table(
        ("name", "size"),
        [("日本", "1 B"), *(("x" * 9, "10 kB") for _ in range(400)), ("evil\x1b", "")],
        right=frozenset({1}),
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "name         size"
    assert lines[2] == "日本          1 B"
    assert lines[3] == "xxxxxxxxx   10 kB"
    assert lines[-1] == "evil\N{REPLACEMENT CHARACTER}"


def test_short_table_looks_like_a_long_one(capsys: pytest.CaptureFixture[str]) -> None:
    for rows in (2, 400):
        table(("", "id", "rows"), [("✓", "abc", "12")] * rows, right=frozenset({2}))
        assert capsys.readouterr().out.splitlines()[:3] == ["    id    rows", "──────────────", "✓   abc     12"]


def test_cells_of_a_table_that_is_too_wide_are_folded(capsys: pytest.CaptureFixture[str]) -> None:
    table(("id", "text"), [("abc", "word " * 60)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 200
    assert " ".join(" ".join(lines[2:]).split()).count("word") == 60


def test_table_escapes_control_characters_and_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name",), [("evil\x1b[2J[red]name",)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[red]name" in shown


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"a": None, "b": [1, 1.5, True, 10**30], "c": {"d": '"ü\u2028\U0001f600\n'}},
        [{"kind": Kind.DAILY, "artifacts": ()}],
        {"path": "\udcff.db"},  # a file name that is not UTF-8
    ],
)
def test_json_output_equals_python_json_in_ascii(document: object, capsys: pytest.CaptureFixture[str]) -> None:
    say_json(document)
    shown = capsys.readouterr().out
    assert shown == json.dumps(document, indent=2) + "\n"
    assert shown.isascii()
