"""`litekeep cleanup`, `hold` and `release` on the command line and in a job."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.stores.folder import FolderStore
from tests import forker
from tests.cli.conftest import Outcome, clean_environment
from tests.retention.cleanup.shelf import fill, ids, objects, put


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "backups")
    fill(store, old=2)
    return store


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    def call(*arguments: str, module: str = "litekeep", **settings: str) -> Outcome:
        command = [sys.executable, "-W", "error", "-m", module, *arguments]
        environment = clean_environment() | {"ENVIRONMENT": "production"} | settings
        done = forker.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


def test_dry_run_shows_the_plan_that_cleanup_carries_out(store: FolderStore, run: Callable[..., Outcome]) -> None:
    before = objects(store)
    dry = run("cleanup", "--dry-run")
    assert dry.code == 0, dry.err
    for word in ("id", "kind", "age", "size", "verdict", "reason", "frees", "old0", "its time ended", "kept until"):
        assert word in dry.out
    assert "Would delete 2 of 7 backups" in dry.out
    assert objects(store) == before
    real = run("cleanup")
    assert real.code == 0, real.err
    assert "Deleted 2 backups" in real.out
    assert "cleanup.succeeded" in real.err
    assert ids(store) == {"b1", "b2", "b3", "b4", "b5"}


def test_dry_run_json_has_the_plan(store: FolderStore, run: Callable[..., Outcome]) -> None:
    document = run("cleanup", "--dry-run", "--json").json
    by_id = {item["id"]: item for item in document["backups"]}
    assert (document["dry_run"], document["would_delete"], document["deleted"]) == (True, 2, 0)
    assert (by_id["old0"]["verdict"], by_id["old0"]["rule"]) == ("delete", "expired")
    assert by_id["old0"]["frees_bytes"] == by_id["old0"]["size_bytes"] > 20
    assert (by_id["b1"]["verdict"], by_id["b1"]["rule"], by_id["b1"]["frees_bytes"]) == ("keep", "not-expired", 0)
    assert by_id["b1"]["reason"].startswith("kept until")


def test_held_backup_is_kept_until_released(store: FolderStore, run: Callable[..., Outcome]) -> None:
    held = run("hold", "old0", "--reason", "incident 42", "--json")
    assert (held.code, held.json["held"], held.json["reason"]) == (0, True, "incident 42")
    assert "held: incident 42" in run("cleanup", "--dry-run").out
    assert run("cleanup", "--json").json["deleted"] == 1
    assert "old0" in ids(store)
    assert run("release", "old0").code == 0
    assert run("cleanup", "--json").json["deleted"] == 1
    assert "old0" not in ids(store)


def test_job_reports_json_lines(store: FolderStore, run: Callable[..., Outcome]) -> None:
    outcome = run(module="jobs.cleanup", CLOUD_RUN_JOB="cleanup")
    lines = [json.loads(line) for line in outcome.out.splitlines()]  # there are no other lines
    (event,) = [line for line in lines if line["event"] != "audit"]
    assert (event["event"], event["severity"], event["deleted"], event["kept"]) == ("cleanup.succeeded", "INFO", 2, 5)
    assert event["freed_bytes"] > 0
    assert event["orphans"] == 0


def test_attention_is_an_event_and_does_not_fail_the_job(store: FolderStore, run: Callable[..., Outcome]) -> None:
    """A failed job raises an alert of its own, so it must not fail for attention alone."""
    put(store, 0.1, "failing", verified=False)
    outcome = run(module="jobs.cleanup", CLOUD_RUN_JOB="cleanup")
    assert outcome.code == 0, outcome.err
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    (attention,) = [line for line in lines if line["event"] == "cleanup.attention"]
    assert attention["severity"] == "WARNING"
    assert "failing did not pass its verification" in attention["message"]
    assert len(ids(store)) == 8


def test_refused_deletion_fails_the_job(store: FolderStore, run: Callable[..., Outcome]) -> None:
    for number in range(6):
        put(store, 200 + number)
    outcome = run(module="jobs.cleanup", CLOUD_RUN_JOB="cleanup")
    assert outcome.code == 1
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "audit"] == ["cleanup.failed", "cleanup.attention"]


def test_deleting_more_than_half_fails_until_forced(store: FolderStore, run: Callable[..., Outcome]) -> None:
    for number in range(6):
        put(store, 200 + number)
    refused = run("cleanup")
    assert refused.code == 1
    assert "cleanup.failed" in refused.err
    assert "--force" in refused.err
    assert len(ids(store)) == 13
    assert run("cleanup", "--force").code == 0
    assert len(ids(store)) == 5


def test_failing_newer_backup_needs_attention(store: FolderStore, run: Callable[..., Outcome]) -> None:
    put(store, 0.1, "failing", verified=False)
    outcome = run("cleanup")
    assert outcome.code == 1
    assert "failing did not pass its verification" in outcome.err
    assert len(ids(store)) == 8


@pytest.mark.parametrize("wrong", ["hourly=3d", "daily=3x", "daily=d"])
def test_invalid_retention_setting_deletes_nothing(store: FolderStore, run: Callable[..., Outcome], wrong: str) -> None:
    before = objects(store)
    outcome = run("cleanup", BACKUP_RETENTION=wrong)
    assert outcome.code == 2
    assert "BACKUP_RETENTION is wrong" in outcome.err
    assert objects(store) == before


@pytest.mark.parametrize("wrong", ["0", "three"])
def test_invalid_min_keep_setting_deletes_nothing(store: FolderStore, run: Callable[..., Outcome], wrong: str) -> None:
    outcome = run("cleanup", BACKUP_MIN_KEEP=wrong)
    assert outcome.code == 2
    assert "BACKUP_MIN_KEEP is wrong" in outcome.err
    assert len(ids(store)) == 7


def test_larger_min_keep_setting_keeps_more(store: FolderStore, run: Callable[..., Outcome]) -> None:
    assert run("cleanup", BACKUP_MIN_KEEP="6", BACKUP_RETENTION="daily=40d").code == 0
    assert ids(store) == {"b1", "b2", "b3", "b4", "b5", "old0"}


def test_missing_store_gives_a_one_line_error(run: Callable[..., Outcome]) -> None:
    outcome = run("cleanup", "--store", "nowhere/at/all")
    assert outcome.code == 1
    assert "cleanup.failed" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: ")
