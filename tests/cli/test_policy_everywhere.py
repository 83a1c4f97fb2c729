"""Every setting and flag that names a place, of every command and job: unlisted places exit 4.

They run in one process, because there are a hundred. `tests/cli/test_policy.py` runs some as processes.
"""

from collections.abc import Iterator

import click
import pytest

from jobs.backup.command import backup
from jobs.cleanup.command import cleanup
from jobs.monitor.command import monitor
from jobs.restore.command import restore
from jobs.verify.command import verify
from litekeep.app import litekeep
from shared.errors import NotPermitted
from tests.cli.conftest import Workplace
from tests.cli.test_policy import rule

JOBS = {"backup": backup, "cleanup": cleanup, "monitor": monitor, "restore": restore, "verify": verify}
PLACES = {"--store", "--copy-to", "--bucket", "--to"}
ID = "20260115T030005Z-k3v9q2mx"
# Other arguments that a command needs.
NEEDED = {
    "restore": ["--backup=latest", "--to=restored-1.db"],
    "request restore": ["--backup=latest", "--to=restored-1.db", "--reason=r"],
    "request delete": ["one", "--reason=r"],
    "request cleanup": ["--reason=r"],
    "request rows": ["--from=one", "--table=t", "--where=1", "--reason=r"],
    "rows restore": ["--from=one", "--table=t", "--where=1"],
    "export": ["--backup=latest", "--output=x.sql"],
    "import": ["--file=own.sql"],
    "native restore": ["--at=2024-01-15T00:00:00Z"],
    "diff": ["latest"],
    "show": ["latest"],
    "delete": ["one", "--reason=r"],
    "retire": ["--database=app.db", "--reason=r"],
    "hold": ["one", "--reason=r"],
    "release": ["one"],
    "approve": [ID, "--yes"],
    "refuse": [ID, "--reason=r", "--yes"],
    "erase": ["--table=t", "--column=id", "--value-from=-"],
    "copy": ["--to=copy"],
    "rekey": ["--to=file:own.key"],
    "continuous": ["--once"],
    "console": ["--port=0"],
}
# Not places: a time, and a setting that `init` only writes; it is checked when it is used.
NO_PLACES = {("timeline", "--to"), ("init", "--store")}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        yield " ".join((*path, name)), command


def flags() -> Iterator[tuple[str, str]]:
    for name, command in commands(litekeep):
        for each in command.params:
            yield from ((name, flag) for flag in each.opts if flag in PLACES and (name, flag) not in NO_PLACES)


@pytest.fixture
def ruled(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    rule(workplace)
    (workplace.folder / "own.sql").write_text("CREATE TABLE t(a);")
    monkeypatch.chdir(workplace.folder)
    for name, value in workplace.environment.items():
        monkeypatch.setenv(name, value)
    return workplace


@pytest.mark.parametrize(("name", "flag"), sorted(flags()))
def test_every_flag_naming_a_place_is_checked_against_the_policy(ruled: Workplace, name: str, flag: str) -> None:
    if flag == "--to" and name == "request rows":  # needs an existing backup
        litekeep(["keygen", "own.key"], standalone_mode=False)
        litekeep(["backup", "--name=one"], standalone_mode=False)
    elsewhere = "file:other.key" if (name, flag) == ("rekey", "--to") else "elsewhere"
    needed = [each for each in NEEDED.get(name, []) if not each.startswith(f"{flag}=")]
    upload = ["--upload-gcs"] if flag == "--bucket" else []
    with pytest.raises(NotPermitted, match=r"is refused: the policy's (stores|targets|keys) do not list") as refused:
        litekeep([*name.split(), *needed, *upload, flag, elsewhere], standalone_mode=False)
    assert refused.value.exit_code == 4
    assert not (ruled.folder / "elsewhere").exists()


SETTINGS = [
    ("BACKUP_STORE", "elsewhere"),
    ("BACKUP_STORE", "gs://elsewhere"),
    ("BACKUP_COPY_STORE", "elsewhere"),
    ("BACKUP_COPY_STORE", "gs://elsewhere"),
    ("BACKUP_KEY", "none"),
    ("BACKUP_KEY", "file:other.key"),
    ("DATABASE_URL", "other.db"),
    ("DATABASE_URL", "sqlitecloud://elsewhere.sqlite.cloud/app.db?apikey=SECRET"),
]
# Cleanup opens no database.
CASES = [(job, *each) for job in JOBS for each in SETTINGS if (job, each[0]) != ("cleanup", "DATABASE_URL")]


@pytest.mark.parametrize(("job", "setting", "value"), CASES)
def test_every_setting_naming_a_place_is_checked_against_the_policy(
    ruled: Workplace, job: str, setting: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, value)
    monkeypatch.setenv("LOG_FORMAT", "text")
    with pytest.raises(NotPermitted, match=f"{setting}(=none)? is refused: the policy's") as refused:
        JOBS[job](NEEDED.get(job, []), standalone_mode=False)
    assert refused.value.exit_code == 4
    assert "SECRET" not in str(refused.value)
    assert not (ruled.folder / "elsewhere").exists()
