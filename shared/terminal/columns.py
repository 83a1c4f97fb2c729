"""The columns of a table: their widths, and which fit into a terminal."""

from collections.abc import Sequence

from shared.terminal.wrapping import cell_width

BETWEEN = "   "  # two columns
_LEAST = 8  # columns of the terminal that a shortened cell keeps


def column_widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Returns the width of each column with its heading, in columns of the terminal."""
    return [max(map(cell_width, column)) for column in zip(columns, *rows, strict=True)]


def table_width(widths: Sequence[int]) -> int:
    """Returns the width of a table with columns of these widths."""
    return sum(widths) + len(BETWEEN) * (len(widths) - 1)


def padded(cell: str, width: int, *, right: bool) -> str:
    """Returns the cell in the width of its column."""
    room = width if cell.isascii() else width + len(cell) - cell_width(cell)
    return cell.rjust(room) if right else cell.ljust(room)


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
    widths = column_widths(columns, rows)
    kept = list(range(len(columns)))

    def excess() -> int:
        return sum(widths[at] for at in kept) + len(BETWEEN) * (len(kept) - 1) - room

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
