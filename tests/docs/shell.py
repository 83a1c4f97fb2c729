"""A bash that runs the commands of a page one after the other, with the page's paths and addresses replaced."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.book import Block, Memory, difference

_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (debug|info|notice|warning|error) ")


def replaced(text: str, names: dict[str, str]) -> str:
    """Replaces all names at once, the longest first, so that no name is replaced within another."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: names[found[0]], text)


@dataclass
class Shell:
    """A running bash. `places` maps names of the page to those of this run, such as `/srv` to a scratch folder.

    Log lines are not compared, because on a terminal the log goes to a file.
    """

    folder: Path
    environment: dict[str, str]
    places: dict[str, str]
    memory: Memory = field(default_factory=Memory)

    def __enter__(self) -> Self:
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=self.folder,
            env=self.environment | {"COLUMNS": "110", "TERM": "dumb"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bash.kill()
        with self._bash:
            pass

    def run(self, command: str) -> tuple[int, list[str]]:
        """Runs a command of the page. Returns its exit code, and its output with the page's names."""
        text = replaced(self.memory.substitute(command), self.places)
        script, output = self.folder / ".step", self.folder / ".output"
        script.write_text(text + "\n")
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f". {script} >{output} 2>&1 </dev/null; echo $?\n")
        self._bash.stdin.flush()
        code = self._bash.stdout.readline()
        assert code, f"the shell ended in: {command}"
        printed = replaced(output.read_text(), {ours: named for named, ours in self.places.items()})
        assert "Traceback" not in printed, printed
        return int(code), [line.rstrip() for line in printed.splitlines() if not _LOG_LINE.match(line)]

    def play(self, block: Block) -> None:
        """Runs a block and compares each step. Raises AssertionError with the line of the page."""
        for step in block.steps:
            code, printed = self.run(step.command)
            where = f"line {step.line}: $ {step.command}"
            assert code == step.code, f"{where}\nended with {code}:\n" + "\n".join(printed)
            different = difference(step.output, printed, self.memory)
            assert different is None, f"{where}\n{different}\nall of it:\n" + "\n".join(printed)

    def record(self, block: Block) -> str:
        """Returns the block with the output of this run. Output that matches the page is kept, including `…`."""
        lines: list[str] = []
        for step in block.steps:
            code, printed = self.run(step.command)
            if difference(step.output, printed, self.memory) is None and step.output:
                printed = step.output
            elif self.memory.names:
                printed = [
                    replaced(line, {ours: named for named, ours in self.memory.names.items()}) for line in printed
                ]
            lines += [f"$ {step.command}" + (f"    # exit {code}" if code else ""), *printed]
        return "\n".join(lines) + "\n"
