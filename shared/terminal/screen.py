"""Terminal output: lines, tables, JSON and progress bars. Rich is imported only when something is drawn."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from shared.runtime.progress import Progress, silent
from shared.terminal.columns import BETWEEN, column_widths, fit_columns, padded, table_width
from shared.terminal.json_text import json_pieces
from shared.terminal.wrapping import fit_to_terminal
from shared.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

GOOD, BAD, UNKNOWN = "✓", "✗", "·"
_LONG = 300  # rows, above which no cell is folded: Rich takes half a millisecond for each row
_ROOM = 200  # columns of a table in a file or pipe
_PIECES = 1000  # of JSON that are written together


def command_name() -> str:
    """Returns the command that starts `litekeep` here: its name, or its relative path if it is not in PATH."""
    called = sys.argv[0]
    if os.path.basename(called) != "litekeep" or shutil.which("litekeep"):  # noqa: PTH119 - pathlib takes 3 ms to import
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
    """Prints a table on stdout. `right` holds the indexes of right-aligned columns.

    If a terminal is too narrow, `fit_columns` leaves out columns of `droppable` and cuts cells of those in `shortened`.
    A last line then names the columns left out and the flags that show them, `all_columns`. `wide` prints all columns.
    """
    end_bars()
    cells = [[printable(cell) for cell in row] for row in rows]
    left_out: list[str] = []
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _ROOM
    if sys.stdout.isatty() and not wide:
        kept, cells = fit_columns(columns, cells, room, droppable=droppable, shortened=shortened)
        left_out = [name for name in droppable if columns.index(name) not in kept]
        columns, right = [columns[at] for at in kept], frozenset(new for new, at in enumerate(kept) if at in right)
    widths = column_widths(columns, cells)
    if wide or len(cells) > _LONG or table_width(widths) <= room:
        _plain_table(columns, cells, widths, right)
    else:
        from shared.terminal.drawing import draw_table  # noqa: PLC0415 - Rich is slow to import

        draw_table(columns, cells, right, room)
    if left_out:
        say(f"Left out to fit {room} columns: {', '.join(left_out)} ({all_columns})")


def _plain_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: frozenset[int]
) -> None:
    """Prints each row as one line, as Rich does if no cell needs a second line."""
    shape = [(width, number in right) for number, width in enumerate(widths)]

    def line(row: Sequence[str]) -> str:
        cells = (padded(cell, width, right=on) for cell, (width, on) in zip(row, shape, strict=True))
        return BETWEEN.join(cells).rstrip()

    click.secho(line(columns), bold=True)
    print("─" * table_width(widths))
    for row in rows:
        print(line(row))


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
