"""A command whose output pipe is closed ends quietly, as after SIGPIPE."""

import json
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import ROOT, Workplace


@pytest.fixture
def backed_up(workplace: Workplace) -> Workplace:
    workplace.good("backup", "--name", "one")
    return workplace


@pytest.mark.parametrize(
    "arguments",
    [
        "list",
        "list --json",
        "status",
        "completion bash",
        "show one",
        "keys",
        "--help",
        "policy",
        "man",
        "cleanup --dry-run",
    ],
)
def test_closed_pipe_ends_the_command_like_sigpipe(backed_up: Workplace, arguments: str) -> None:
    command = f"{sys.executable} -m litekeep {arguments} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=backed_up.folder, env=backed_up.environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_backup_with_closed_output_is_stored_and_not_reported_as_failed(workplace: Workplace) -> None:
    command = f"{sys.executable} -m litekeep backup --name piped --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=workplace.folder,
        env=workplace.environment | {"LOG_FORMAT": "json"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGPIPE
    assert [json.loads(line)["event"] for line in done.stderr.splitlines() if line.startswith(b"{")] == [
        "backup.succeeded",
        "audit",
    ]
    assert "piped" in workplace.good("list").out


def test_broken_connection_is_an_error() -> None:
    program = """import click
from shared.terminal.run import run
@click.command()
def broken(): raise BrokenPipeError(32, "Broken pipe")
run(broken)"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: Broken pipe: a system call failed\n")
