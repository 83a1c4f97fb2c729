"""Runs the commands of a documentation page in bash, as printed.

A block ```sh has commands. A block ```console has a session: a line that begins with `$ ` is a command, the following
lines are its output. `<!-- not run: REASON -->` on the line before a block says why a test cannot run it.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cli.conftest import ROOT

_FENCE = re.compile(
    r"^(?P<indent> *)(?:<!-- not run: (?P<why>[^\n]+?) -->\n(?P=indent))?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
COMMANDS = ("sh", "console")
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A block; `text` begins on the page's line `line`. `why_not` is the reason why it is not run, or None."""

    page: Path
    line: int
    language: str
    text: str
    why_not: str | None

    @property
    def is_run(self) -> bool:
        return self.language == "sh" and self.why_not is None


def pages() -> list[Path]:
    """Returns every Markdown page of the repository."""
    found = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in found.stdout.splitlines() if (ROOT / name).exists()]


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, found.start("text")) + 1, found["language"], found["text"], found["why"])
        for found in _FENCE.finditer(text)
    ]


@dataclass
class Reader:
    """Runs a page's commands in one shell, from the first block to the last.

    The shell starts in `folder`; the file `.out` there has its output. `answers` is the shell's standard input.
    """

    folder: Path
    environment: Mapping[str, str]
    answers: str = ""

    def run(self, page: Path, stand_ins: Mapping[str, str] | None = None) -> str:
        """Runs the page's blocks and returns their output.

        `stand_ins` replaces texts of the page that differ on this machine, such as paths; each must be on the page.

        Raises AssertionError with the page's line at the first command that fails.
        """
        chosen = [block for block in blocks(page) if block.is_run]
        for printed in stand_ins or {}:
            assert any(printed in block.text for block in chosen), f"{page.name} does not name {printed}"
        script = self.folder / f".{page.name}.sh"
        script.write_text(_script(chosen, stand_ins or {}))
        printed = self.folder / ".out"
        with printed.open("wb") as output:
            done = subprocess.run(
                ["bash", "-eE", str(script)],
                cwd=self.folder,
                env=self.environment,
                input=self.answers.encode(),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        assert done.returncode == 0, f"{page.name}: {printed.read_text()[-4000:]}"
        return printed.read_text()


def _script(chosen: list[Block], stand_ins: Mapping[str, str]) -> str:
    """Returns a script with each command on its line of the page, so that bash's errors name that line."""
    lines = ["""trap 'echo "line $LINENO: $BASH_COMMAND: exit code $?" >&2' ERR"""]
    for block in chosen:
        text = block.text
        for printed, here in stand_ins.items():
            text = text.replace(printed, here)
        lines += [""] * (block.line - 1 - len(lines)) + text.splitlines()
    return "\n".join(lines) + "\n"
