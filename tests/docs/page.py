"""The commands of a page of the documentation, run by bash as they are printed.

A block ```sh holds commands, a block ```console a session: each line that begins with `$ ` is a command, the lines
after it are what it prints. `<!-- not run: REASON -->` on the line before a block says why a test cannot run it.
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
    """`line` is the page's line on which `text` begins; `why_not` the reason why it is not run, else None."""

    page: Path
    line: int
    language: str
    text: str
    why_not: str | None

    @property
    def is_run(self) -> bool:
        return self.language == "sh" and self.why_not is None


def pages() -> list[Path]:
    """Every page that tells people what to type."""
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
    """Somebody who types what a page says, in one shell, from its first block to its last.

    `folder` is where the shell begins; its `.said` is what was printed so far. `answers` is typed into what asks.
    """

    folder: Path
    environment: Mapping[str, str]
    answers: str = ""

    def run(self, page: Path, stand_ins: Mapping[str, str] | None = None) -> str:
        """Runs the page's blocks and returns what they print.

        `stand_ins`: what the page names and this machine has elsewhere, such as a path; each must be on the page.

        Raises AssertionError with the page's line at the first command that fails.
        """
        chosen = [block for block in blocks(page) if block.is_run]
        for printed in stand_ins or {}:
            assert any(printed in block.text for block in chosen), f"{page.name} does not name {printed}"
        script = self.folder / f".{page.name}.sh"
        script.write_text(_script(chosen, stand_ins or {}))
        said = self.folder / ".said"
        with said.open("wb") as output:
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
        assert done.returncode == 0, f"{page.name}: {said.read_text()[-4000:]}"
        return said.read_text()


def _script(chosen: list[Block], stand_ins: Mapping[str, str]) -> str:
    """Each command on the line that it has on the page, so that bash names that line."""
    lines = ["""trap 'echo "line $LINENO: $BASH_COMMAND: exit code $?" >&2' ERR"""]
    for block in chosen:
        text = block.text
        for printed, here in stand_ins.items():
            text = text.replace(printed, here)
        lines += [""] * (block.line - 1 - len(lines)) + text.splitlines()
    return "\n".join(lines) + "\n"
