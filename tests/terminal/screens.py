"""The captured screens in docs: `python -m tests.terminal.screens` writes docs/screens.md anew, from a real pty."""

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
    ("Where things stand", ""),
    ("A backup, proven", "backup --name pre-deployment-v1.5.0 --verify"),
    ("What there is", "list"),
    ("How backups are doing", "status"),
    ("A proof", "verify --backup nightly"),
    ("A restore", "restore --backup nightly --to restored.db --verify"),
    ("What may go", "cleanup --dry-run"),
    ("What differs", "diff nightly"),
    ("An error is one line", "restore --backup nightly --to app.db"),
)
_TOP = """\
# What is on the screen

Each screen is what a terminal of that size shows when the command has ended, read from a pty by
`python -m tests.terminal.screens`. Progress bars are gone by then. Nothing has a color but the word `error`, in red, so
a light and a dark terminal show the same. At 80 columns `list` leaves columns out and names them; `--wide` shows all
columns, `--json` all fields.
"""


def page() -> Iterator[str]:
    yield _TOP
    for columns, rows in SIZES:
        yield f"## {columns} columns, {rows} rows\n"
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


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()))
