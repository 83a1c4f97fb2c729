"""Settings, policy and key files must belong to root or the caller, and be writable by nobody else."""

import os

import pytest

from tests.cli.conftest import Workplace


@pytest.mark.parametrize("name", [".env", "litekeep.toml", "own.key"])
def test_world_writable_settings_or_key_file_is_refused(workplace: Workplace, name: str) -> None:
    workplace.good("keygen", "own.key")
    (workplace.folder / ".env").write_text("BACKUP_KEY=file:own.key\n")
    (workplace.folder / "litekeep.toml").write_text("BACKUP_MIN_KEEP = 3\n")
    workplace.good("backup")
    (workplace.folder / name).chmod(0o622)
    outcome = workplace.run("backup")
    assert (outcome.code, name in outcome.err) == (2, True)


def test_world_writable_key_in_the_home_folder_is_refused(workplace: Workplace) -> None:
    workplace.good("keygen", "own.key")
    settings = {"HOME": str(workplace.folder), "BACKUP_KEY": "file:~/own.key"}
    workplace.good("backup", **settings)
    (workplace.folder / "own.key").chmod(0o622)
    outcome = workplace.run("backup", **settings)
    assert (outcome.code, "own.key can be written by others" in outcome.err) == (2, True)


@pytest.mark.parametrize("name", [".env", "litekeep.toml", "own.key"])
def test_settings_or_key_file_of_another_user_is_refused(workplace: Workplace, name: str) -> None:
    if os.getuid() != 0:
        return  # only root can change the owner; CI runs as root
    workplace.good("keygen", "own.key")
    (workplace.folder / ".env").write_text("BACKUP_KEY=file:own.key\n")
    (workplace.folder / "litekeep.toml").write_text("BACKUP_MIN_KEEP = 3\n")
    os.chown(workplace.folder / name, 65534, 65534)
    outcome = workplace.run("backup")
    assert (outcome.code, "belongs to another user" in outcome.err) == (2, True)
    assert not workplace.store.exists()
