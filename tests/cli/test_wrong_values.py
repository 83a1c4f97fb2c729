"""A wrong value of any flag exits 2; the error names the flag and does not repeat a secret value."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from litekeep.app import litekeep
from litekeep.sample import make_sample
from shared.errors import LitekeepError, UsageError
from shared.redaction import redact
from shared.settings import Settings, read_settings
from shared.terminal.endings import reason_of

SECRET = "sqlitecloud://host.example/app?apikey=S3CRETOF99"
# Flags that accept any text: names, reasons, SQL, filters.
FREE = frozenset(
    "--database --reason --note --where --table --column --also --absent --action --actor --migrations --sql "
    "--keys --bucket --source --run-as".split()
)
# Flags that are checked after something else.
ELSEWHERE = {
    (("audit",), "--backup"),
    (("copy",), "--backup"),
    (("delete",), "--request"),
    (("import",), "--to"),
    (("native", "restore"), "--at"),
    (("native", "restore"), "--store"),
    (("policy", "sign"), "--output"),
    (("request", "restore"), "--to"),
    (("request", "rows"), "--at"),
    (("request", "rows"), "--to"),
    (("restore",), "--request"),
    (("restore",), "--to"),
    (("rows", "restore"), "--at"),
    (("rows", "restore"), "--to"),
}
# Settings that accept any text: a path, a database, a URL for Apprise, variables set by Cloud Run.
ANY_TEXT = {
    "backup_console_secret",
    "backup_databases",
    "backup_drill_sql",
    "backup_notify",
    "backup_policy",
    "cloud_run_execution",
    "cloud_run_job",
    "cloud_run_task_attempt",
    "database_url",
    "google_cloud_project",
    "k_service",
}
# Errors of init name the setting instead of the flag.
SETTINGS = {
    "--heartbeat": "BACKUP_HEARTBEAT_URL",
    "--key": "BACKUP_KEY",
    "--notify": "BACKUP_NOTIFY",
    "--schedule": "BACKUP_SCHEDULES",
    "--store": "BACKUP_STORE",
}


def options_of(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Option]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from options_of(command, (*path, name))
            for parameter in command.params if command else []:
                if isinstance(parameter, click.Option) and not parameter.is_flag:
                    yield (*path, name), parameter


# Arguments that a command needs before it checks the flag.
BESIDE = {
    ("approve",): ["20240115T120000Z-k3v9q2mx"],
    ("refuse",): ["20240115T120000Z-k3v9q2mx", "--reason", "R"],
    ("delete",): ["one", "--reason", "R"],
    ("release",): ["one"],
    ("hold",): ["latest", "--reason", "R"],
    ("show",): ["latest"],
    ("diff",): ["latest"],
    ("erase",): ["--table", "users", "--column", "id", "--value-from", "-"],
    ("export",): ["--backup", "latest", "--output", "new.sql"],
    ("import",): ["--file", "good.sql"],
    ("rekey",): ["--to", "file:new.key"],
    ("retire",): ["--database", "app.db", "--reason", "R"],
    ("restore",): ["--backup", "latest"],
    ("rows", "restore"): ["--table", "users", "--from", "latest"],
    ("request", "cleanup"): ["--reason", "R"],
    ("request", "delete"): ["one", "--reason", "R"],
    ("request", "restore"): ["--backup", "latest", "--in-place", "--reason", "R"],
    ("request", "rows"): ["--table", "users", "--from", "latest", "--reason", "R"],
    ("policy", "sign"): ["draft.json", "--output", "signed.json"],
}
CASES = [
    (path, option.opts[-1])
    for path, option in options_of(litekeep)
    if option.opts[-1] not in FREE and (path, option.opts[-1]) not in ELSEWHERE
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    make_sample(folder / "app.db", scale=0.01)
    (folder / "good.sql").write_text("CREATE TABLE t(a);\n")
    return folder


@pytest.mark.parametrize(("path", "flag"), CASES, ids=lambda part: " ".join(part) if isinstance(part, tuple) else part)
def test_wrong_flag_value_is_not_repeated(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], flag: str
) -> None:
    monkeypatch.chdir(folder)
    for name, value in {"DATABASE_URL": "app.db", "BACKUP_KEY": "none", "TMPDIR": str(folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    with pytest.raises((click.ClickException, LitekeepError)) as caught:
        litekeep.main([*path, *BESIDE.get(path, []), flag, SECRET], prog_name="litekeep", standalone_mode=False)
    line = redact(reason_of(caught.value))
    if flag == "--request":
        assert "approvals are not in force" in line
        return
    setting = SETTINGS.get(flag, flag) if path == ("init",) else flag
    assert any(name in line for name in (flag, setting, "no backup 'sqlite", "no erasure 'sqlite")), line
    assert "S3CRET" not in line
    assert caught.value.exit_code == (1 if flag == "--notify" else 2)  # an unreachable URL is not wrong usage


@pytest.mark.parametrize("name", sorted(map(str.upper, set(Settings.model_fields) - ANY_TEXT)))
def test_wrong_setting_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(UsageError) as caught:
        read_settings()
    assert str(caught.value).startswith(f"{name} is wrong: ")
    assert "S3CRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_excluded_flags_exist() -> None:
    there = {(path, option.opts[-1]) for path, option in options_of(litekeep)}
    assert there >= ELSEWHERE
    assert {flag for _, flag in there} >= FREE
