"""Fits the columns of a table to the width of a terminal."""

from collections.abc import Sequence

from shared.terminal.wrapping import cell_width

_BETWEEN = 3  # spaces between two columns
_LEAST = 8  # columns of the terminal that a shortened cell keeps


def fit_columns(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int,
    *,
    droppable: Sequence[str] = (),
    shortened: Sequence[str] = (),
) -> tuple[list[int], list[list[str]]]:
    """Returns the indexes of the columns that are kept, and the rows of these columns.

    Until the table fits into `room`: leaves out the columns named in `droppable`, in that order, except those in
    `shortened`; then cuts the cells of `shortened`, in that order, to 8 characters at least; then leaves out those of
    `shortened` that are in `droppable` too. Cells of other columns are never cut.
    """
    widths = [max(map(cell_width, column)) for column in zip(columns, *rows, strict=True)]
    kept = list(range(len(columns)))

    def excess() -> int:
        return sum(widths[at] for at in kept) + _BETWEEN * (len(kept) - 1) - room

    def leave_out(names: Sequence[str]) -> None:
        for name in names:
            if excess() <= 0:
                break
            kept.remove(columns.index(name))

    leave_out([name for name in droppable if name not in shortened])
    for at in map(columns.index, shortened):
        if excess() > 0:
            widths[at] = max(min(widths[at], _LEAST), widths[at] - excess())
    leave_out([name for name in droppable if name in shortened])
    return kept, [[_cut(row[at], widths[at]) for at in kept] for row in rows]


def _cut(text: str, width: int) -> str:
    if cell_width(text) <= width:
        return text
    while cell_width(text) >= width:
        text = text[:-1]
    return f"{text}…"
