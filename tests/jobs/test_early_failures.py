"""A job that fails before its work starts still emits its failure event, once."""

import json

import pytest

from tests.jobs.runs import Job

WRONG_SETTING = {"ENVIRONMENT": "prod"}
WRONG_SCHEDULES = {"BACKUP_SCHEDULES": "daily=never"}
NO_STORE = {"BACKUP_STORE": "away/backups"}
NO_KEY = {"BACKUP_KEY": "file:lost.key"}

CASES = [
    ("backup --kind=daily", WRONG_SETTING, "ENVIRONMENT is wrong"),
    ("backup --kind=daily", WRONG_SCHEDULES, "BACKUP_SCHEDULES is wrong"),
    ("backup --kind=daily", {"DATABASE_URL": "sqlitecloud://host/app?apikey=hunter2&nonsense"}, ""),
    ("backup --kind=daily", {"DATABASE_URL": "https://example.com/hunter2"}, ""),
    ("backup --kind=daily", NO_KEY, "lost.key"),
    ("backup --kind=daily", NO_STORE, "away"),
    ("backup --kind=daily", {"BACKUP_DATABASES": "*"}, "BACKUP_DATABASES"),
    ("backup --kind=daily", {"BACKUP_DATABASES": "*", "DATABASE_URL": "sqlitecloud://127.0.0.1:1/?apikey=hunter2"}, ""),
    ("backup --king=daily", {}, "--king"),
    ("backup sqlitecloud://host/app?apikey=hunter2", {}, "apikey=…"),
    ("backup sqlitecloud://host/app?apikey=a)hunter2", {}, "apikey=…"),
    ("verify --since=7d", WRONG_SETTING, "ENVIRONMENT is wrong"),
    ("verify --since=7d", NO_STORE, "away"),
    ("verify --since=soon", {}, "--since"),
    ("verify --backup=gone", {}, "no backup 'gone'"),
    ("verify --backup=latest --all", {}, "exclude each other"),
    ("verify --all", {}, "no backups"),
    ("verify --drill --now", WRONG_SETTING, "ENVIRONMENT is wrong"),
    ("verify --drill --now", NO_STORE, "away"),
    ("verify --drill --now", {}, "no backups"),
    ("verify --drill --now", {"BACKUP_DRILL_SQL": "gone.sql"}, "gone.sql"),
    ("cleanup", WRONG_SETTING, "ENVIRONMENT is wrong"),
    ("cleanup", {"BACKUP_RETENTION": "daily=soon"}, "BACKUP_RETENTION is wrong"),
    ("cleanup", NO_STORE, "away"),
    ("restore --backup=latest-verified", WRONG_SETTING, "ENVIRONMENT is wrong"),
    ("restore --backup=gone", {}, "no backup 'gone'"),
    ("restore --backup=latest", NO_STORE, "away"),
    ("monitor", WRONG_SETTING, "ENVIRONMENT is wrong"),
    ("monitor", NO_STORE, "away"),
    ("monitor", {"DATABASE_URL": "https://example.com/hunter2"}, ""),
]


def event_of(call: str, code: int) -> str:
    """A wrong flag or setting must not raise the alert for bad backups."""
    command = "drill" if "--drill" in call else call.split(maxsplit=1)[0]
    return f"{command}.{'refused' if code == 2 and command in ('verify', 'drill') else 'failed'}"


@pytest.mark.parametrize(("call", "settings", "reason"), CASES)
def test_early_failure_emits_one_event_without_secret(
    job: Job, call: str, settings: dict[str, str], reason: str
) -> None:
    run = job.run(*call.split(), **settings)
    assert run.code in {1, 2}
    event = event_of(call, run.code)
    assert run.events.count(event) == 1, (run.out, run.err)
    assert set(run.events) == {event}
    line = run.line(event)
    assert (line["severity"], line["logging.googleapis.com/labels"]["execution"]) == ("ERROR", job.execution)
    assert reason in line["message"]
    assert "hunter2" not in run.out + run.err


@pytest.mark.parametrize("call", ["cleanup --dry-run", "restore --backup=gone --dry-run"])
def test_failed_dry_run_emits_no_event(job: Job, call: str) -> None:
    run = job.run(*call.split(), **NO_STORE)
    assert (run.code, run.events) == (1, [])


def test_early_failure_with_json_keeps_stdout_valid(job: Job) -> None:
    run = job.run("backup", "--json", **WRONG_SETTING)
    assert json.loads(run.out)["exit_code"] == 2
    assert '"event": "backup.failed"' in run.err


def test_early_failure_with_text_log_emits_no_event(job: Job) -> None:
    run = job.run("backup", CLOUD_RUN_JOB="", **WRONG_SETTING)
    assert (run.code, run.out) == (2, "")
    assert "backup.failed" not in run.err
