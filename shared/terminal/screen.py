"""What people see: progress on a terminal, tables, sizes, ages. Rich is imported only when something is drawn."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.runtime.progress import Progress, silent
from shared.terminal.json_text import json_pieces
from shared.terminal.wrapping import fitting
from shared.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

GOOD, BAD, UNKNOWN = "✓", "✗", "·"
_LONG = 300  # rows; Rich takes half a millisecond for each
_PIECES = 1000  # of JSON that are written together


def how_to_call() -> str:
    """Returns how to call `litekeep` from here: by name, or by path if it is not in PATH."""
    called = Path(sys.argv[0])
    if called.name != "litekeep" or shutil.which("litekeep"):
        return "litekeep"
    return os.path.relpath(called)


def say(line: str = "") -> None:
    """Prints a line of the result on stdout once the progress bars are gone; a terminal breaks it between words."""
    end_bars()
    click.echo(fitting(printable(line), sys.stdout))


def say_json(document: Any) -> None:
    """Prints the document as indented JSON in ASCII, so that every terminal's encoding can show it.

    An iterator, as the document or as a value in it, becomes an array that is written while its items are made.
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
    wide: bool = False,
) -> None:
    """Prints a plain table on stdout: as wide as the terminal, or as its content without one, or if it is long.

    On a terminal that is too narrow the columns named in `droppable` are left out, in that order, until the rest fits,
    and a last line says so; not with `wide`.
    """
    end_bars()
    cells = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and not wide:
        columns, cells, right, left_out = _fitting(columns, cells, right, droppable)
    else:
        left_out = []
    if len(cells) > _LONG or wide:
        _long_table(columns, cells, right)
        return
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number in right else "left", overflow="fold", no_wrap=number == 0)
    for row in cells:
        drawn.add_row(*map(Text, row))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(drawn)
    if left_out:
        say(f"Left out to fit {shutil.get_terminal_size().columns} columns: {', '.join(left_out)} (--wide, --json)")


def _fitting(
    columns: Sequence[str], cells: list[list[str]], right: frozenset[int], droppable: Sequence[str]
) -> tuple[Sequence[str], list[list[str]], frozenset[int], list[str]]:
    """Returns the table without the droppable columns for which the terminal has no room, and their names."""
    from rich.cells import cell_len  # noqa: PLC0415

    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    kept, left_out = list(range(len(columns))), []
    room = shutil.get_terminal_size().columns
    for name in droppable:
        if sum(widths[at] for at in kept) + 3 * (len(kept) - 1) <= room:
            break
        kept.remove(columns.index(name))
        left_out.append(name)
    return (
        [columns[at] for at in kept],
        [[row[at] for at in kept] for row in cells],
        frozenset(new for new, at in enumerate(kept) if at in right),
        left_out,
    )


def _long_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415

    def width_of(cell: str) -> int:
        return len(cell) if cell.isascii() else cell_len(cell)

    def padded(cell: str, width: int, *, to_the_right: bool) -> str:
        room = width if cell.isascii() else width + len(cell) - cell_len(cell)
        return cell.rjust(room) if to_the_right else cell.ljust(room)

    widths = [max(map(width_of, column)) for column in zip(columns, *rows, strict=True)]
    shape = [(width, number in right) for number, width in enumerate(widths)]
    for row in (columns, ["─" * width for width in widths], *rows):
        cells = (padded(cell, width, to_the_right=on) for cell, (width, on) in zip(row, shape, strict=True))
        print("   ".join(cells).rstrip())


@contextmanager
def progress_bars(*, wanted: bool = True) -> Iterator[Progress]:
    """Yields a callback that draws progress bars on stderr if that is a terminal, and otherwise does nothing."""
    if not (wanted and sys.stderr.isatty()):
        yield silent
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    bars = RichProgress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8)
    _live.append(bars)
    try:
        yield _Tracker(bars)
    finally:
        _live.remove(bars)
        bars.stop()


_live: list["Bars"] = []


def end_bars() -> None:
    """Erases the bars that are drawn: what is printed while they are live would be wiped with them."""
    for bars in _live:
        bars.stop()


class _Tracker:
    """Draws a bar for each stage, and none before the first or after the result has begun."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not self._tasks:
            self._bars.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total or None)
        self._bars.update(self._tasks[stage], completed=done, total=total or None)
