"""docs/fresh-machine.md: a machine with nothing but the wheel, set up in a terminal, and what its receiver got.

`python -m tests.docs.fresh LITEKEEP` writes the page anew with that command, installed from the wheel.
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

A new home folder, an empty environment and `litekeep` installed from its wheel: this is what the terminal shows, at 80
columns. `python -m tests.docs.fresh` records the page, and a test plays it again and compares. What to type on a
machine of yours is in [self-hosted.md](self-hosted.md). The notifications go to a receiver on this machine.
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
        """Runs a command on a terminal. Returns it with what it showed, as the page has it."""
        real = command.replace("HEARTBEAT", self.heartbeat)
        shown = on_terminal(["bash", "-c", real], self.folder, self._environment, columns=columns, answers=answers)
        code = f"    # exit {shown.code}" if shown.code else ""
        return self._as_printed(f"$ {real}{code}\n{shown.text}".rstrip())

    def _as_printed(self, text: str) -> str:
        for here, there in self._names.items():
            text = text.replace(here, there)
        return text


def page(litekeep: Path, home: Path) -> Iterator[str]:
    """Yields the page's parts. `home` is an empty folder with a short name: a long one breaks lines elsewhere."""
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
        yield "## By itself\n"
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
        yield "## What the receiver got\n"
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
