"""Text output of `litekeep diff`."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from shared.operations.diff.compare import Comparison, TableDiff
from shared.operations.diff.sides import Side
from shared.terminal.screen import say, table
from shared.text import count

_MOST_ROWS = 100  # of a table; --json has all
_SIGNS = {"removed": "-", "added": "+", "changed": "~"}


def show(a: Side, b: Side, found: Comparison, rows: Mapping[str, Iterator[dict[str, Any]]]) -> None:
    """Prints the comparison: sides, schema, tables, and the differing rows of the tables in `rows`."""
    say(f"From A {_label(a)}")
    say(f"  to B {_label(b)}")
    for change in found.changes:
        say(f"  schema: {change.words()}")
    differing = [each for each in found.tables if each.differs or each.because]
    if differing:
        say()
        table(
            ("table", "schema", "rows only in A", "only in B", "changed", "matched by"),
            [_row(each) for each in differing],
            right=frozenset({2, 3, 4}),
            droppable=("matched by", "schema"),
            shortened=("table",),
        )
    for name, each in rows.items():
        _show_rows(name, each)
    say(_verdict(found, len(found.tables) - len(differing)))


def document_of(a: Side, b: Side, found: Comparison) -> dict[str, Any]:
    """Returns the comparison for `--json`, without rows."""
    return {
        "a": a.label,
        "b": b.label,
        "tables": [each.to_json() for each in found.tables],
        "schema": [{"kind": c.kind, "name": c.name, "change": c.change, "how": c.how} for c in found.changes],
    }


def _label(side: Side) -> str:
    return f"{side.label}{f', taken {side.taken_at}' if side.taken_at else ', as it is now'}"


def _row(each: TableDiff) -> tuple[str, ...]:
    if each.counts is None:
        return (each.name, each.change, "?", "?", "?", each.because)
    counts = each.counts
    return (each.name, each.change, str(counts.removed), str(counts.added), str(counts.changed), each.by)


def _show_rows(name: str, rows: Iterator[dict[str, Any]]) -> None:
    say(f"Rows of {name} (- only in A, + only in B, ~ changed):")
    for row in islice(rows, _MOST_ROWS):
        key = ", ".join(map(_text, row["key"]))
        say(f"  {_SIGNS[row['change']]} {key}")
        for side in ("a", "b"):
            if side in row:
                columns = (f"{column}={_text(value)}" for column, value in row[side].items())
                say(f"      {side.upper()}: {', '.join(columns)}")
    if next(rows, None) is not None:
        say(f"  only the first {_MOST_ROWS} are shown: --json has all")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"X'{value['blob']}'"
    return "NULL" if value is None else repr(value) if isinstance(value, str) else str(value)


def _verdict(found: Comparison, same: int) -> str:
    unknown = [each.name for each in found.tables if each.because]
    rest = f"; not compared: {', '.join(unknown)}" if unknown else ""
    tables = count(same, "table")
    if found.equal and not unknown:
        return f"No difference in {tables}, compared row by row."
    return f"{tables} equal, compared row by row{rest}."
