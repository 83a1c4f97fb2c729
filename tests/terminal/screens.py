"""`python -m tests.terminal.screens` records docs/screens.md from a real pty."""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from litekeep.sample import make_sample
from tests.cli.conftest import Workplace, clean_environment
from tests.terminal.terminal import on_terminal

PAGE = Path(__file__).parents[2] / "docs" / "screens.md"
SIZES = ((80, 24), (120, 40))
SCREENS = (
    ("The overview", ""),
    ("A verified backup", "backup --name pre-deployment-v1.5.0 --verify"),
    ("List of backups", "list"),
    ("Status", "status"),
    ("A verification", "verify --backup nightly"),
    ("A restore", "restore --backup nightly --to restored.db --verify"),
    ("What cleanup would delete", "cleanup --dry-run"),
    ("Differences", "diff nightly"),
    ("An error", "restore --backup nightly --to app.db"),
)
_TOP = """\
# Screens

Each screen is what a terminal of that size shows after the command has ended, recorded from a pty by
`python -m tests.terminal.screens`. Progress bars are gone by then. Only the word `error` has a color (red), so light
and dark terminals show the same. At 80 columns `list` omits columns and names them; `--wide` shows all columns,
`--json` all fields.
"""


_VARYING = (  # what differs between two recordings, in the order of replacement
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"\d+ (plain )?bytes"), r"N \1bytes"),
    (re.compile(r"\b\d+(\.\d+)? [kM]?B\b"), "SIZE"),
    (re.compile(r"\b\d+ min \d+ s\b|\b\d+(\.\d+)? (s|min)\b"), "LENGTH"),
    (re.compile(r"(?<=\S)  +"), "  "),  # a column is as wide as its longest cell
    (re.compile("─+"), "─"),
)


def without_varying(text: str) -> str:
    """Replaces what differs between two recordings: times, lengths of time, sizes, and the widths of columns."""
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text


def page() -> str:
    return "\n".join([_TOP, *(section(columns, rows) for columns, rows in SIZES)])


def section(columns: int, rows: int) -> str:
    """Records all screens on a terminal of that size, and returns them as a section of the page."""
    return "\n".join(_screens(columns, rows))


def _screens(columns: int, rows: int) -> Iterator[str]:
    yield f"{heading(columns, rows)}\n"
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        make_sample(folder / "app.db", scale=0.1)
        state = {"XDG_STATE_HOME": str(folder / "state"), "XDG_DATA_HOME": str(folder / "share")}
        place = Workplace(folder, clean_environment() | state | {"DATABASE_URL": "app.db"})
        place.good("backup", "--name", "nightly", "--kind", "daily")
        for title, command in SCREENS:
            words = [sys.executable, "-m", "litekeep", *command.split()]
            shown = on_terminal(words, folder, place.environment, columns=columns, rows=rows)
            assert shown.colors <= {"red"}, (command, shown.colors)
            yield f"### {title}\n\n```\n$ litekeep {command}".rstrip()
            yield shown.text.replace(named, "/srv/app").replace(f"{sys.executable} -m litekeep", "litekeep")
            yield f"```\nExit code {shown.code}.\n"


def heading(columns: int, rows: int) -> str:
    return f"## {columns} columns, {rows} rows"


if __name__ == "__main__":
    PAGE.write_text(page())
