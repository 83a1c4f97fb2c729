"""Wraps long lines for a terminal between words, with the following pieces indented."""

import os
import re
from typing import IO

_COLUMN = re.compile(r"\S {2,}(?=\S)")
_NARROW = "✓✗·…—"  # the first or last character of cells in most tables; each is one column wide


def fit_to_terminal(line: str, stream: IO[str]) -> str:
    """Returns the line, wrapped to the width of the terminal. Unchanged if `stream` is not a terminal."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return line
    return "\n".join(wrap(line, width)) if width else line


def wrap(line: str, width: int) -> list[str]:
    """Returns the line in pieces of at most `width` columns. A longer word stays whole.

    Every piece but the first is indented to the line's second column, or by two spaces more than the line.
    """
    if cell_width(line) <= width:
        return [line]
    least = len(line) - len(line.lstrip(" ")) + 2
    column = _COLUMN.search(line)
    indent = (
        max(least, cell_width(line[: column.end()]))
        if column and cell_width(line[: column.end()]) <= width // 3
        else least
    )
    pieces, piece = [], ""
    for part in re.findall(r" *[^ ]+", line):
        word = part.lstrip(" ")
        if not piece or cell_width(piece + part) <= width:
            piece += part
        else:
            pieces.append(piece)
            piece = " " * (indent if indent + cell_width(word) <= width else least) + word
    return [*pieces, piece]


def cell_width(text: str) -> int:
    """Returns the width of the text in terminal columns."""
    if text.isascii() or text.strip(_NARROW).isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - only text that is not ASCII needs it

    return cell_len(text)
