"""A real terminal for tests: runs a command on a pty, and reads its final screen from an emulator."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

from tests import forker

CTRL_C = "\x03"
_HISTORY = 5000  # lines above the screen


@dataclass(frozen=True)
class Shown:
    """What a terminal shows when the command has ended.

    `lines` are the scrollback and the screen, without trailing spaces and blank lines. `colors` are the colors in use
    other than the terminal's default, which may be unreadable on a light or a dark background.
    """

    code: int
    lines: list[str]
    colors: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def on_terminal(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    columns: int = 80,
    rows: int = 24,
    typed: str = "",
    answers: Sequence[tuple[str, str | Callable[[str], str]]] = (),
) -> Shown:
    """Runs the command on a terminal of that size. Returns what the terminal shows when the command has ended.

    `typed` is input sent before the command asks for it. `answers` are pairs of text and answer, in order. Once the
    screen ends with the text, the answer is typed as a line; if it is a function, its result for the screen is typed.
    """
    waiting = list(answers)
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    # Test workers have COLUMNS=80, which would hide the size of this terminal.
    surroundings = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    surroundings["TERM"] = "xterm-256color"
    process = forker.Popen(command, cwd=folder, env=surroundings, start_new_session=True, **ends)
    os.close(theirs)
    os.write(terminal, typed.encode())
    screen = pyte.HistoryScreen(columns, rows, history=_HISTORY)
    stream = pyte.ByteStream(screen)
    while True:
        try:
            content = os.read(terminal, 1 << 16)
        except OSError:  # the terminal has closed
            break
        if not content:
            break
        stream.feed(content)
        shown = "\n".join(line.rstrip() for line in screen.display).rstrip()
        if waiting and shown.endswith(waiting[0][0]):
            answer = waiting.pop(0)[1]
            os.write(terminal, (f"{answer}\n" if isinstance(answer, str) else answer(shown)).encode())
    os.close(terminal)
    assert not waiting, f"never asked: {waiting}"
    return _shown(process.wait(), screen)


def _shown(code: int, screen: pyte.HistoryScreen) -> Shown:
    above = ["".join(line[column].data for column in range(screen.columns)).rstrip() for line in screen.history.top]
    lines = above + [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    cells = (cell for line in [*screen.history.top, *screen.buffer.values()] for cell in line.values())
    colors = frozenset(color for cell in cells for color in (cell.fg, cell.bg)) - {"default"}
    return Shown(code, lines, colors)
