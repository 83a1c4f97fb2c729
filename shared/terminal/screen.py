"""Terminal output: lines, tables, JSON and progress bars. Rich is imported only when something is drawn."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.runtime.progress import Progress, silent
from shared.terminal.columns import fit_columns
from shared.terminal.json_text import json_pieces
from shared.terminal.wrapping import cell_width, fit_to_terminal
from shared.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

GOOD, BAD, UNKNOWN = "✓", "✗", "·"
_LONG = 300  # rows, above which Rich is not used: it takes half a millisecond for each
_PIECES = 1000  # of JSON that are written together


def command_name() -> str:
    """Returns the command that starts `litekeep` here: its name, or its relative path if it is not in PATH."""
    called = Path(sys.argv[0])
    if called.name != "litekeep" or shutil.which("litekeep"):
        return "litekeep"
    return os.path.relpath(called)


def say(line: str = "") -> None:
    """Prints a line of the result on stdout, after erasing the progress bars. On a terminal it is wrapped."""
    end_bars()
    click.echo(fit_to_terminal(printable(line), sys.stdout))


def say_what_to_type(line: str) -> None:
    """Prints on stderr what a person should type, if stdin is a terminal. Without this line the run seems to hang."""
    if sys.stdin.isatty():
        end_bars()
        click.echo(fit_to_terminal(printable(line), sys.stderr), err=True)


def say_json(document: Any) -> None:
    """Prints the document as indented JSON in ASCII, so that every terminal can show it.

    An iterator, as the document or as a value in it, is written as an array, item by item.
    """
    end_bars()
    block: list[str] = []
    for piece in json_pieces(document):
        block.append(piece)
        if len(block) >= _PIECES:
            click.echo("".join(block), nl=False)
            block.clear()
    click.echo("".join(block))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: frozenset[int] = frozenset(),
    droppable: Sequence[str] = (),
    shortened: Sequence[str] = (),
    wide: bool = False,
    all_columns: str = "--json",
) -> None:
    """Prints a plain table on stdout. `right` holds the indexes of right-aligned columns.

    If a terminal is too narrow, `fit_columns` leaves out columns of `droppable` and cuts cells of those in `shortened`.
    A last line then names the columns left out and the flags that show them, `all_columns`. `wide` prints all columns.
    """
    end_bars()
    cells = [[printable(cell) for cell in row] for row in rows]
    left_out: list[str] = []
    if sys.stdout.isatty() and not wide:
        room = shutil.get_terminal_size().columns
        kept, cells = fit_columns(columns, cells, room, droppable=droppable, shortened=shortened)
        left_out = [name for name in droppable if columns.index(name) not in kept]
        columns, right = [columns[at] for at in kept], frozenset(new for new, at in enumerate(kept) if at in right)
    if len(cells) > _LONG or wide:
        _long_table(columns, cells, right)
        return
    from shared.terminal.drawing import draw_table  # noqa: PLC0415 - Rich is slow to import

    draw_table(columns, cells, right)
    if left_out:
        say(f"Left out to fit {shutil.get_terminal_size().columns} columns: {', '.join(left_out)} ({all_columns})")


def _long_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    def padded(cell: str, width: int, *, to_the_right: bool) -> str:
        room = width + len(cell) - cell_width(cell)
        return cell.rjust(room) if to_the_right else cell.ljust(room)

    widths = [max(map(cell_width, column)) for column in zip(columns, *rows, strict=True)]
    shape = [(width, number in right) for number, width in enumerate(widths)]
    for row in (columns, ["─" * width for width in widths], *rows):
        cells = (padded(cell, width, to_the_right=on) for cell, (width, on) in zip(row, shape, strict=True))
        print("   ".join(cells).rstrip())


@contextmanager
def progress_bars(*, wanted: bool = True) -> Iterator[Progress]:
    """Yields a progress callback. It draws bars on stderr if that is a terminal, and does nothing otherwise."""
    if not (wanted and sys.stderr.isatty()):
        yield silent
        return
    from shared.terminal.drawing import Tracker, new_bars  # noqa: PLC0415 - Rich is slow to import

    bars = new_bars()
    _live.append(bars)
    try:
        yield Tracker(bars)
    finally:
        _live.remove(bars)
        bars.stop()


_live: list["Bars"] = []


def end_bars() -> None:
    """Erases the progress bars. Text printed while they are shown would be erased with them."""
    for bars in _live:
        bars.stop()
