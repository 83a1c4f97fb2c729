"""Special files and links that another user puts beside a database are never opened or followed."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Workplace


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(path.parent, os.O_RDONLY)  # a socket's path must be short, so bind it by its folder
        try:
            listening.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def _link(path: Path) -> None:
    other = path.with_name("somebody-elses")
    other.write_bytes(b"x" * 4096)
    path.symlink_to(other)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("plant", [_fifo, _socket, _link, _folder])
def test_special_files_beside_the_database_are_never_opened(
    workplace: Workplace, plant: Callable[[Path], None], suffix: str
) -> None:
    workplace.good("backup")
    content = workplace.database.read_bytes()
    plant(Path(f"{workplace.database}{suffix}"))
    for command in (["backup"], ["restore", "--backup", "latest", "--in-place"], ["health"]):
        outcome = workplace.run(*command)
        reported = f"app.db{suffix} is not a regular file" in outcome.out + outcome.err
        assert (outcome.code, reported) == (1, True), command
    assert workplace.database.read_bytes() == content


def test_health_does_not_hang_on_a_pipe_as_source(workplace: Workplace) -> None:
    os.mkfifo(workplace.folder / "pipe.db")
    outcome = workplace.run("health", DATABASE_URL="pipe.db")
    assert (outcome.code, "not a regular file" in outcome.out) == (1, True)


@pytest.mark.parametrize("target", [["--in-place"], ["--to", "new.db"]])
def test_root_refuses_to_write_into_a_folder_of_another_user(workplace: Workplace, target: list[str]) -> None:
    if os.getuid() != 0:
        return  # only root can change the owner; CI runs as root
    workplace.good("backup")
    content = workplace.database.read_bytes()
    os.chown(workplace.folder, 65534, 65534)
    outcome = workplace.run("restore", "--backup", "latest", *target)
    assert (outcome.code, "could swap what root writes" in outcome.err) == (2, True)
    assert "sudo -u" in outcome.err
    assert workplace.database.read_bytes() == content
    assert not (workplace.folder / "new.db").exists()


def test_root_refuses_to_write_into_a_world_writable_folder(workplace: Workplace) -> None:
    if os.getuid() != 0:
        return  # the check applies to root only; CI runs as root
    workplace.good("backup")
    workplace.folder.chmod(0o777)
    outcome = workplace.run("restore", "--backup", "latest", "--in-place")
    assert (outcome.code, "can be written by others" in outcome.err) == (2, True)


@pytest.mark.parametrize("name", ["app.db", "app.db-wal"])
def test_root_refuses_to_replace_a_file_of_another_user_in_a_sticky_folder(workplace: Workplace, name: str) -> None:
    if os.getuid() != 0:
        return  # only root can change the owner; CI runs as root
    workplace.good("backup")
    workplace.folder.chmod(0o1777)
    (workplace.folder / name).touch()
    os.chown(workplace.folder / name, 65534, 65534)
    outcome = workplace.run("restore", "--backup", "latest", "--in-place")
    assert (outcome.code, f"{name} belongs to" in outcome.err and "could swap it" in outcome.err) == (2, True)
    workplace.good("restore", "--backup", "latest", "--to", "new.db")


@pytest.mark.parametrize(
    "command",
    [
        ["restore", "--backup", "latest", "--in-place"],
        ["restore", "--backup", "latest", "--in-place", "--dry-run"],
        ["rows", "restore", "--from", "latest", "--table", "users", "--to", "link.db"],
    ],
)
def test_root_is_refused_before_the_safety_backup_also_through_a_symlink(
    workplace: Workplace, command: list[str]
) -> None:
    if os.getuid() != 0:
        return  # only root can change the owner; CI runs as root
    workplace.good("backup")
    theirs = workplace.folder / "theirs"
    theirs.mkdir()
    workplace.database.rename(theirs / "app.db")
    workplace.database.symlink_to(theirs / "app.db")
    (workplace.folder / "link.db").symlink_to(theirs / "app.db")
    os.chown(theirs, 65534, 65534)
    stored = workplace.stored()
    outcome = workplace.run(*command)
    assert (outcome.code, "could swap what root writes" in outcome.err) == (2, True)
    assert workplace.stored() == stored, "no safety backup was taken for nothing"
    assert [path.name for path in theirs.iterdir()] == ["app.db"]
