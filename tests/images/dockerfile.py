"""Parses the Dockerfile into stages and their instructions, as far as the tests need it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = ("backup", "cleanup", "monitor", "restore", "verify", "verify-on-arrival", "console")


@dataclass(frozen=True)
class Stage:
    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, instruction: str) -> list[str]:
        return [value for name, value in self.instructions if name == instruction]


def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for part in re.split(r"^(?=FROM )", _text(), flags=re.MULTILINE)[1:]:
        lines = part.strip().splitlines()
        _, base, _, name = lines[0].split()
        pairs = [line.partition(" ") for line in lines[1:]]
        found[name] = Stage(name, base, tuple((instruction, value.strip()) for instruction, _, value in pairs))
    return found


def base_image() -> str:
    found = re.search(r"^ARG BASE=(\S+)$", _text(), re.MULTILINE)
    assert found
    return found[1]


def _text() -> str:
    """Returns the Dockerfile without comments and empty lines, each instruction on one line."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
