"""Each operation writes an event and an audit event with actor, action, target and outcome."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from shared.events.log import Event, contract_problems
from tests.cli.conftest import Workplace


def trail(workplace: Workplace) -> list[dict[str, Any]]:
    path = workplace.folder / "state" / "litekeep" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def operations(workplace: Workplace) -> list[tuple[str, str, str | None]]:
    return [(line["action"], line["outcome"], line.get("backup_id")) for line in trail(workplace)]


def test_every_operation_writes_an_audit_event(workplace: Workplace) -> None:
    workplace.good("keygen", "own.key")
    workplace.good("backup", "--name", "one", "--kind", "daily")
    workplace.good("verify", "--backup", "one")
    workplace.good("hold", "one", "--reason", "evidence")
    workplace.good("release", "one")
    workplace.good("export", "--backup", "one", "--output", "out.sql")
    workplace.good("import", "--file", "out.sql", "--to", "again.db")
    workplace.good("restore", "--backup", "one", "--to", "new.db")
    workplace.run("cleanup")
    assert operations(workplace) == [
        ("keygen", "succeeded", None),
        ("backup", "succeeded", "one"),
        ("verify", "succeeded", "one"),
        ("hold", "succeeded", "one"),
        ("release", "succeeded", "one"),
        ("export", "succeeded", "one"),
        ("import", "succeeded", None),
        ("restore", "succeeded", "one"),
        ("cleanup", "succeeded", None),
    ]
    lines = trail(workplace)
    assert len({line["actor"] for line in lines}) == 1
    assert [line["reason"] for line in lines if line["action"] == "hold"] == ["evidence"]
    path = workplace.folder / "state" / "litekeep" / "audit.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_reading_and_dry_runs_write_no_audit_event(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    before = trail(workplace)
    workplace.good("list")
    workplace.good("status")
    workplace.good("monitor")
    workplace.good("health")
    workplace.good("cleanup", "--dry-run")
    workplace.good("restore", "--backup", "one", "--to", "new.db", "--dry-run")
    assert trail(workplace) == before


def test_audit_events_distinguish_failed_and_refused_with_reason(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    workplace.run("restore", "--backup", "one", "--in-place", ENVIRONMENT="production")
    workplace.run("hold", "two", "--reason", "evidence")
    (workplace.folder / "app.db").write_bytes(b"no database")
    workplace.run("backup")
    assert [each[:2] for each in operations(workplace)][1:] == [
        ("restore", "refused"),
        ("hold", "failed"),
        ("backup", "failed"),
    ]
    assert "is no backup" in trail(workplace)[2]["reason"]


def test_events_match_the_contract_and_hold_no_secret(workplace: Workplace) -> None:
    workplace.good("keygen", "own.key")
    key = json.loads(json.dumps((workplace.folder / "own.key").read_text()))
    output = ""
    for command in ("backup --name one", "verify --backup one", "hold one --reason x", "release one", "monitor"):
        output += workplace.good(*command.split(), LOG_FORMAT="json", BACKUP_KEY="file:own.key").err
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert {"backup.succeeded", "verify.succeeded", "hold.placed", "hold.released", "monitor.ok", "audit"} <= {
        line["event"] for line in lines
    }
    always = ("severity", "message", "time", "event")
    for line in lines:
        fields = {name: value for name, value in line.items() if name not in always}
        assert contract_problems(Event(line["event"]), fields) == []
    assert not any(len(word) > 30 and word in output for word in key.replace('"', " ").split())


@pytest.mark.parametrize("place", ["a file", "a pipe"])
def test_unwritable_audit_file_is_a_warning_only(workplace: Workplace, place: str) -> None:
    state = workplace.folder / "state"
    if place == "a file":
        state.write_text("")
    else:
        (state / "litekeep").mkdir(parents=True)
        os.mkfifo(state / "litekeep" / "audit.jsonl")
    outcome = workplace.good("backup")
    assert "warning: the audit line above was not kept in the audit file" in outcome.err
    assert " notice audit: " in outcome.err


def test_cloud_run_writes_audit_events_to_stdout_only(workplace: Workplace, tmp_path: Path) -> None:
    job = {"CLOUD_RUN_JOB": "backup-daily", "CLOUD_RUN_EXECUTION": "e-1", "GOOGLE_CLOUD_PROJECT": "acme"}
    workplace.good("keygen", "own.key")
    job["BACKUP_KEY"] = "file:own.key"
    before = trail(workplace)
    outcome = workplace.run("--kind", "daily", module="jobs.backup", GCE_METADATA_HOST="127.0.0.1:1", **job)
    assert outcome.code == 0
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["event"] for line in lines] == ["backup.succeeded", "audit"]
    assert {line["logging.googleapis.com/labels"]["execution"] for line in lines} == {"e-1"}
    assert lines[0]["logging.googleapis.com/trace"].startswith("projects/acme/traces/")
    assert trail(workplace) == before


def test_cleanup_writes_an_audit_event_per_deleted_backup(workplace: Workplace) -> None:
    from shared.stores.folder import FolderStore  # noqa: PLC0415
    from tests.retention.cleanup.shelf import fill  # noqa: PLC0415

    gone = fill(FolderStore(workplace.store))
    outcome = workplace.run("cleanup", "--force", LOG_FORMAT="json")
    events = [json.loads(line) for line in outcome.err.splitlines() if line.startswith("{")]
    (done,) = [line for line in events if line["event"] == "cleanup.succeeded"]
    assert done["deleted_percent"] == 37.5
    assert operations(workplace) == [
        *(("delete", "succeeded", name.id) for name in gone),
        ("cleanup", "succeeded", None),
    ]
    assert all("time ended" in line["reason"] for line in trail(workplace)[:-1])
