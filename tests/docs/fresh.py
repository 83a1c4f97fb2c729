"""Plays docs/fresh-machine.md: a machine with only the wheel is set up in a terminal and sends notifications.

`python -m tests.docs.fresh LITEKEEP` writes the page again, with that command installed from the wheel.
"""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from litekeep.sample import make_sample
from tests.servers.receiver import running_receiver
from tests.terminal.terminal import on_terminal

PAGE = Path(__file__).parents[2] / "docs" / "fresh-machine.md"
_TOP = """\
# A fresh machine, from the wheel to the first notification

This page shows what a terminal of 80 columns prints when you set up Litekeep in a new home folder, with an empty
environment and `litekeep` installed from its wheel. The commands for your own machine are in
[self-hosted.md](self-hosted.md). The notifications go to a receiver on the same machine. `python -m tests.docs.fresh`
records this page, and a test plays it and compares.
"""


class Machine:
    """A home folder with `app/app.db`, and a terminal in that folder."""

    def __init__(self, home: Path, litekeep: Path, notify: str, heartbeat: str) -> None:
        self.home, self.notify, self.heartbeat = home, notify, heartbeat
        self.folder = home / "app"
        self.folder.mkdir()
        make_sample(self.folder / "app.db", scale=0.1)
        (home / "tmp").mkdir()
        path = f"{litekeep.parent}:{os.defpath}"
        self._environment = {"HOME": str(home), "PATH": path, "TMPDIR": str(home / "tmp"), "LANG": "C.UTF-8"}
        self._names = {str(litekeep.parent): "/home/ana/.local/bin", str(home): "/home/ana"}

    def session(self, command: str, answers: tuple[tuple[str, str], ...] = (), columns: int = 80) -> str:
        """Runs a command in a terminal. Returns the command and its output in the page's form."""
        real = command.replace("HEARTBEAT", self.heartbeat)
        shown = on_terminal(["bash", "-c", real], self.folder, self._environment, columns=columns, answers=answers)
        code = f"    # exit {shown.code}" if shown.code else ""
        return self._as_printed(f"$ {real}{code}\n{shown.text}".rstrip())

    def _as_printed(self, text: str) -> str:
        for here, there in self._names.items():
            text = text.replace(here, there)
        return text


def page(litekeep: Path, home: Path) -> Iterator[str]:
    """Yields the page's parts. `home` is an empty folder; a long path would break lines in other places."""
    yield _TOP
    with running_receiver() as receiver:
        machine = Machine(home, litekeep, f"json://127.0.0.1:{receiver.port}/hook", receiver.heartbeat)

        def block(*sessions: str) -> str:
            text = "\n".join(sessions).replace(str(receiver.port), "8080").replace("/ping/T0kenOfTheHeartbeat", "/ping")
            return f"```console\n{text}\n```\n"

        yield "## Set it up\n"
        answers = (
            ("sqlitecloud://…):", "app.db"),
            ("[./backups]:", "../backups"),
            ("[file:./litekeep.key]:", ""),
            ("[daily=0 0 * * *;weekly=0 0 * * 0]:", ""),
            ("empty for none):", machine.notify),
        )
        yield block(machine.session("litekeep init --heartbeat HEARTBEAT", answers))
        yield "## The first backup, proven\n"
        yield block(machine.session("litekeep backup --kind daily --verify"), machine.session("litekeep list"))
        yield "## Schedule it\n"
        yield block(
            machine.session("litekeep systemd --user --print | head -16", columns=200),
            machine.session("litekeep systemd --user --install"),
        )
        yield "## Something breaks, and is fixed\n"
        yield block(
            machine.session("mv app.db away.db; litekeep backup --kind daily"),
            machine.session("mv away.db app.db; litekeep backup --kind daily"),
            machine.session("litekeep monitor"),
            machine.session("litekeep status"),
        )
        yield "## What the receiver gets\n"
        yield "```"
        for method, path, body in receiver.requests:
            yield _received(method, path, body)
        yield "```\n"


def _received(method: str, path: str, body: object) -> str:
    line = f"{method} {path.replace('/T0kenOfTheHeartbeat', '')}"
    if not isinstance(body, dict):
        return line
    title = body["title"].replace(socket.gethostname(), "server")
    text = "\n".join(f"    {each}" for each in body["message"].splitlines())
    return f"{line}  {title}\n{text}"


def main(litekeep: str) -> None:
    with tempfile.TemporaryDirectory(prefix="fresh-") as home:
        PAGE.write_text("\n".join(page(Path(litekeep).absolute(), Path(home))))


if __name__ == "__main__":
    main(sys.argv[1])
