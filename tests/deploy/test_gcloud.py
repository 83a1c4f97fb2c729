"""The gcloud that people have understands each command that we tell them: without an account, it stops after that."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, Desk
from tests.terraform.workbench import require


def told() -> list[str]:
    """The commands in the text that reach for something in a project."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    found = re.findall(r"(?:^|\| |`)(gcloud (?!auth)[^\n`]+)", text, re.MULTILINE)
    return sorted(set(found))


def understood(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(
        [require("gcloud"), *arguments],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder), "CLOUDSDK_CONFIG": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "active account" in done.stderr, done.stderr


def test_some_commands_are_told() -> None:
    assert len(told()) >= 5


@pytest.mark.parametrize("command", told())
def test_a_command_in_the_guide_is_understood(command: str, tmp_path: Path) -> None:
    understood(shlex.split(command)[1:], tmp_path)


def test_the_commands_of_the_scripts_are_understood(desk: Desk, tmp_path: Path) -> None:
    desk.call("make", "restore", "TO=sqlitecloud://h.example/new", answers=[])
    desk.call("deploy/status", answers=[])
    desk.call("deploy/push", answers=[("images describe", 1, "")], BUILD="cloud")
    for call in desk.calls("gcloud"):
        understood([str(ROOT / "docs") if part == "." else part for part in call], tmp_path)
