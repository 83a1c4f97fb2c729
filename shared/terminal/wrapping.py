"""Lines that fit a terminal: broken between words, and indented so that they read as one."""

import os
import re
from typing import IO

_COLUMN = re.compile(r"\S {2,}(?=\S)")


def fitting(line: str, stream: IO[str]) -> str:
    """Returns the line, broken where it is wider than the terminal that `stream` is; as it is if that is none."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return line
    return "\n".join(broken(line, width)) if width else line


def broken(line: str, width: int) -> list[str]:
    """Returns the line in pieces of at most `width` cells; a word that is longer than that stays whole.

    Every piece but the first is indented as the line's second column is, or by two blanks more than the line.
    """
    if cells(line) <= width:
        return [line]
    least = len(line) - len(line.lstrip(" ")) + 2
    column = _COLUMN.search(line)
    indent = max(least, cells(line[: column.end()])) if column and cells(line[: column.end()]) <= width // 3 else least
    pieces, piece = [], ""
    for part in re.findall(r" *[^ ]+", line):
        word = part.lstrip(" ")
        if not piece or cells(piece + part) <= width:
            piece += part
        else:
            pieces.append(piece)
            piece = " " * (indent if indent + cells(word) <= width else least) + word
    return [*pieces, piece]


def cells(text: str) -> int:
    """Returns how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - most lines need no table of characters

    return cell_len(text)
