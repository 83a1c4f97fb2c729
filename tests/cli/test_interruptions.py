"""Killed, interrupted, out of space, concurrent: no partial backup is listed, and no files are left."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from litekeep.sample import make_sample
from tests import forker
from tests.cli.conftest import Outcome, Workplace
from tests.sqlite.mounts import tiny_disk

OneLine = Callable[[Outcome, int], str]


def start(workplace: Workplace, *arguments: str) -> "subprocess.Popen[str]":
    return forker.Popen(
        [sys.executable, "-m", "litekeep", *arguments],
        cwd=workplace.folder,
        env=workplace.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def files(folder: Path) -> list[Path]:
    """Returns the files below a folder, even while it changes."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


def reached(workplace: Workplace, stage: str) -> bool:
    """Returns whether a running backup has reached a stage, judged by its files."""
    if stage == "snapshot":
        return any(path.name == "snapshot.sqlite" for path in files(workplace.folder / "tmp"))
    if stage == "staging":
        return any(path.name == "sql" for path in files(workplace.store / ".staging"))
    return any(path.name.endswith(".sql.gz.enc") for path in files(workplace.store))


@pytest.fixture(scope="session")
def larger_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("larger") / "sample.db"
    make_sample(path, scale=2)
    return path


@pytest.fixture
def larger(workplace: Workplace, larger_sample: Path) -> Workplace:
    """A database large enough to be interrupted in the middle."""
    shutil.copyfile(larger_sample, workplace.database)
    workplace.good("keygen", "litekeep.key")
    return workplace


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("stage", ["snapshot", "staging", "stored"])
def test_interrupted_backup_is_not_listed_and_leaves_no_files(
    larger: Workplace, how: signal.Signals, stage: str
) -> None:
    running = start(larger, "backup", "--name", "one")
    while not reached(larger, stage) and running.poll() is None:
        pass
    running.send_signal(how)
    _, output = running.communicate(timeout=20)
    if running.returncode == 0:  # it ended before the signal: then the backup must be complete
        larger.good("verify", "--backup", "one")
        return
    assert "Traceback" not in output
    there = larger.good("list", "--json").json
    if there:  # the signal came after the manifest was stored and before the end
        larger.good("verify", "--backup", "one")
    if how != signal.SIGKILL:
        assert running.returncode == 1
        assert "interrupted" in output
        assert files(larger.folder / "tmp") == []
        assert list(larger.store.rglob(".staging/*")) == []
    larger.good("backup", "--name", "two", "--verify")
    assert files(larger.folder / "tmp") == []
    assert list(larger.store.rglob(".staging/*")) == []
    assert [item["id"] for item in larger.good("list", "--json").json] == ["two", *(item["id"] for item in there)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_interrupted_restore_leaves_no_target(larger: Workplace, how: signal.Signals) -> None:
    larger.good("backup", "--name", "one", "--format", "sql")
    running = start(larger, "restore", "--backup", "one", "--to", "new.db", "--verify")
    while all(path.name != "sql.sqlite" for path in files(larger.folder)) and running.poll() is None:
        pass
    running.send_signal(how)
    running.communicate(timeout=20)
    if running.returncode != 0:
        assert not (larger.folder / "new.db").exists()
        larger.good("restore", "--backup", "one", "--to", "new.db")
    assert list(larger.folder.glob(".litekeep*")) == []


def test_two_concurrent_backups_both_succeed(larger: Workplace) -> None:
    together = [start(larger, "backup") for _ in range(2)]
    for running in together:
        _, output = running.communicate(timeout=60)
        assert running.returncode == 0, output
    items = larger.good("verify", "--all", "--json").json
    assert len({item["id"] for item in items}) == 2
    assert all(item["ok"] for item in items)


def test_concurrent_backups_of_one_name_make_one(larger: Workplace) -> None:
    together = [start(larger, "backup", "--name", "one") for _ in range(2)]
    codes = []
    for running in together:
        running.communicate(timeout=60)
        codes.append(running.returncode)
    assert sorted(codes) == [0, 1]
    larger.good("verify", "--backup", "one")


def test_full_store_is_one_error_line_and_no_backup(larger: Workplace, one_line: OneLine) -> None:
    disk = larger.folder / "disk"
    disk.mkdir()
    with tiny_disk(disk, "700k"):
        line = one_line(larger.run("backup", "--store", "disk/store"), 1)
        assert "space" in line
        # The audit event of the failure takes a few bytes.
        assert [path for path in files(disk) if path.name != ".lock" and "audit" not in path.parts] == []


def test_full_scratch_folder_is_one_error_line_and_no_backup(larger: Workplace, one_line: OneLine) -> None:
    disk = larger.folder / "disk"
    disk.mkdir()
    with tiny_disk(disk, "1m"):
        line = one_line(larger.run("backup", TMPDIR=str(disk)), 1)
        assert "TMPDIR" in line or "space" in line
    assert larger.stored() == []


def test_full_target_disk_leaves_no_files(larger: Workplace, one_line: OneLine) -> None:
    larger.good("backup", "--name", "one")
    disk = larger.folder / "disk"
    disk.mkdir()
    with tiny_disk(disk, "2m"):
        one_line(larger.run("restore", "--backup", "one", "--to", "disk/new.db"), 1)
        assert list(disk.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_during_exit_does_not_change_the_result(workplace: Workplace, how: signal.Signals) -> None:
    program = (
        "import atexit, os, sys; from litekeep.app import litekeep; from shared.terminal.run import run;"
        f"atexit.register(lambda: os.kill(os.getpid(), {int(how)})); sys.argv[1:] = ['list']; run(litekeep, 'litekeep')"
    )
    done = forker.run(
        [sys.executable, "-c", program],
        cwd=workplace.folder,
        env=workplace.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
