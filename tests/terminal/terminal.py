"""A real terminal for tests: a command runs on a pty, and its final screen is read off an emulator."""

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
    """`lines` are all that can be scrolled to when the command has ended, the screen last, without blank ends.

    `colors`: those of its characters other than the terminal's own, which a light or a dark terminal could swallow.
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
    respond: Callable[[str], str] = lambda _: "",
    answers: Sequence[tuple[str, str]] = (),
) -> Shown:
    """Runs the command on a terminal of that size and returns what is on it in the end.

    `typed`: what is on its way to the command before it asks. `answers`: questions, in the order in which the command
    asks them, each with what is typed once the screen ends with it. `respond` is called with what is shown so
    far and returns what is typed then: once, as the first that is not empty.
    """
    waiting = list(answers)
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    surroundings = {**environment, "TERM": "xterm-256color"}
    process = forker.Popen(command, cwd=folder, env=surroundings, start_new_session=True, **ends)
    os.close(theirs)
    os.write(terminal, typed.encode())
    screen = pyte.HistoryScreen(columns, rows, history=_HISTORY)
    stream = pyte.ByteStream(screen)
    answered = False
    while True:
        try:
            content = os.read(terminal, 1 << 16)
        except OSError:  # the terminal has closed
            break
        if not content:
            break
        stream.feed(content)
        if waiting and screen.display[screen.cursor.y].rstrip().endswith(waiting[0][0]):
            os.write(terminal, waiting.pop(0)[1].encode() + b"\n")
        if not answered and (typed := respond("\n".join(line.rstrip() for line in screen.display))):
            os.write(terminal, typed.encode())
            answered = True
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
