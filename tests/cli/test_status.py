"""`litekeep status` and `litekeep monitor`: exit codes, JSON, events."""

import json
import sqlite3
from contextlib import closing

import pytest

from shared.stores.folder import FolderStore
from tests.cli.conftest import Workplace
from tests.retention.cleanup.shelf import put

DAILY = {"BACKUP_SCHEDULES": "daily=0 0 * * *"}


def test_status_is_never_without_backup_and_ok_with_one(workplace: Workplace) -> None:
    never = workplace.run("status")
    assert never.code == 1
    assert "❌ Last backup: never" in never.out
    workplace.good("backup", "--kind", "daily", "--verify")
    lines = workplace.good("status", **DAILY).out.splitlines()
    assert "✅ Status: Success" in lines
    assert any(line.startswith("✅ Next scheduled: ") and line.endswith(" 00:00:00 UTC") for line in lines)


def test_status_json_has_the_documented_fields(workplace: Workplace) -> None:
    document = workplace.run("status", "--json").json
    assert (document["database"], document["status"], document["last_backup"]) == ("app.db", "never", None)
    assert document["alerts"][0]["name"] == "monitor.stale"
    workplace.good("backup", "--name", "one", "--kind", "daily")
    document = workplace.good("status", "--json", **DAILY).json
    assert document["status"] == "ok"
    assert document["last_backup"] == workplace.good("list", "--json").json[0]
    assert 0 <= document["age_seconds"] == document["recovery_point_seconds"] < 300
    assert document["next_scheduled"]["kind"] == "daily"
    assert document["next_scheduled"]["at"].endswith("T00:00:00Z")
    assert document["alerts"] == []


def test_status_of_several_databases_is_that_of_the_worst(workplace: Workplace) -> None:
    store = FolderStore(workplace.store)
    put(store, 0.01)
    put(store, 3, database="other")
    document = workplace.run("status", "--json", **DAILY).json
    assert (document["database"], document["status"]) == (None, "never")
    assert [(each["database"], each["status"]) for each in document["databases"]] == [
        ("app", "ok"),
        ("app.db", "never"),
        ("other", "stale"),
    ]
    assert len(document["alerts"]) == 2
    assert workplace.good("status", "--database", "app", "--json", **DAILY).json["database"] == "app"
    assert workplace.run("status", "--database", "other", **DAILY).code == 1


def test_wrong_schedule_exits_2_and_is_named(workplace: Workplace) -> None:
    for command in ("status", "monitor"):
        outcome = workplace.run(command, BACKUP_SCHEDULES="daily=every night")
        assert outcome.code == 2
        assert "BACKUP_SCHEDULES is wrong" in outcome.err


def test_monitor_emits_an_event_per_finding_or_monitor_ok(workplace: Workplace) -> None:
    store = FolderStore(workplace.store)
    put(store, 0.5, verified=False, database="app.db")
    put(store, 3, database="app.db")
    (workplace.folder / "litekeep.key").unlink(missing_ok=True)
    outcome = workplace.run("monitor", LOG_FORMAT="json", **DAILY)
    assert outcome.code == 1
    events = [json.loads(line)["event"] for line in outcome.err.splitlines()]
    measured = {"audit.checkpoint", "monitor.age"}
    assert set(events) == measured | {"monitor.key_unusable", "monitor.not_good", "monitor.stale"}
    document = workplace.run("monitor", "--json", **DAILY).json
    assert document["ok"] is False
    assert {finding["name"] for finding in document["findings"]} == set(events) - measured


def test_findings_on_cloud_run_do_not_fail_the_run(workplace: Workplace) -> None:
    job = {"CLOUD_RUN_JOB": "monitor", "GCE_METADATA_HOST": "127.0.0.1:1"}
    found = workplace.run(module="jobs.monitor", **job)
    assert found.code == 0
    assert "monitor.stale" in {json.loads(line)["event"] for line in found.out.splitlines()}
    blind = workplace.run(module="jobs.monitor", BACKUP_STORE="no/where", **job)
    assert blind.code == 1
    assert [json.loads(line)["event"] for line in blind.out.splitlines()] == ["monitor.failed"]


def test_monitor_without_databases_reports_failure(workplace: Workplace) -> None:
    outcome = workplace.run("monitor", DATABASE_URL="")
    assert outcome.code == 1
    assert "monitor.failed" in outcome.err
    assert "monitor.ok" not in outcome.err


def test_status_writes_nothing(workplace: Workplace) -> None:
    workplace.good("backup")
    before = [(path, path.stat().st_mtime_ns) for path in sorted(workplace.folder.rglob("*"))]
    workplace.good("status")
    assert [(path, path.stat().st_mtime_ns) for path in sorted(workplace.folder.rglob("*"))] == before


@pytest.mark.parametrize("command", ["status", "monitor"])
def test_help_imports_no_heavy_module(workplace: Workplace, command: str) -> None:
    outcome = workplace.good(command, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert "exits with 1" in outcome.out.lower()
    imported = {line.split("|")[-1].strip() for line in outcome.err.splitlines()}
    assert "click" in imported
    assert not {"apsw", "pydantic", "google.cloud.storage", "tink", "sqlitecloud"} & imported


def test_status_shows_retention_rules_and_their_source(workplace: Workplace) -> None:
    workplace.good("backup", "--kind", "daily")
    lines = workplace.good("status", BACKUP_RETENTION="daily=36h", ENVIRONMENT="production").out.splitlines()
    ours = lines.index("Kept (BACKUP_RETENTION):")
    assert lines[ours + 1] == "  daily 36h"
    assert lines[ours + 2] == "Kept (default of ENVIRONMENT=production):"
    assert "weekly 90d" in lines[ours + 3]
    assert lines[-1] == "Always kept (BACKUP_MIN_KEEP): the last 3 good ones of a database"
    assert all(len(line) <= 80 for line in lines[ours:])


def test_status_json_has_retention_rules(workplace: Workplace) -> None:
    workplace.good("backup", "--kind", "daily")
    rules = workplace.good("status", "--json", BACKUP_RETENTION="milestone=2y", BACKUP_MIN_KEEP="5").json["retention"]
    assert rules["min_keep"] == 5
    assert rules["kinds"]["milestone"] == {"days": 730.0, "from": "BACKUP_RETENTION"}
    assert rules["kinds"]["daily"]["days"] == 7.0
    assert rules["kinds"]["daily"]["from"].startswith("default of ENVIRONMENT=")


def test_unverified_and_undrilled_backup_gets_no_tick(workplace: Workplace) -> None:
    workplace.good("backup", "--kind", "daily")
    lines = workplace.good("status").out.splitlines()
    assert "⬜ Last verified: not yet" in lines
    assert "⬜ Last drilled: not yet" in lines


def test_status_names_the_policy_as_source_of_retention(workplace: Workplace) -> None:
    store, source = str(workplace.store), str(workplace.database)
    policy = {"environment": "production", "stores": [store], "keys": ["file:./litekeep.key"], "sources": [source]}
    (workplace.folder / "policy.json").write_text(json.dumps(policy))
    ours = {"BACKUP_POLICY": "policy.json", "BACKUP_STORE": store, "DATABASE_URL": source, "ENVIRONMENT": "test"}
    shown = workplace.run("status", **ours)
    assert "Kept (default of the policy's environment, production):" in shown.out
    assert "ENVIRONMENT" not in shown.out


def test_status_of_retired_database_does_not_promise_min_keep(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    workplace.good("retire", "--database", "app.db", "--reason", "moved")
    shown = workplace.run("status")
    assert "Retired, each backup goes when its time is over: app.db" in shown.out.splitlines()
    assert workplace.run("status", "--json").json["retention"]["retired"] == ["app.db"]


def test_backup_list_and_restore_count_virtual_table_rows_the_same(workplace: Workplace) -> None:
    with closing(sqlite3.connect(workplace.database)) as connection, connection:
        connection.execute("CREATE VIRTUAL TABLE virtual USING fts5(x)")
        connection.executemany("INSERT INTO virtual VALUES (?)", [("a",), ("b",)])
    rows = {workplace.good("backup", "--name", "one", "--json").json["rows"]}
    rows.add(workplace.good("list", "--json").json[0]["rows"])
    rows.add(workplace.good("restore", "--backup", "one", "--to", "x.db", "--json").json["rows"])
    for name in ("x.sql.gz", "x.sqlite"):
        workplace.good("export", "--backup", "one", "--output", name)
        rows.add(workplace.good("import", "--file", name, "--to", f"{name}.db", "--json").json["rows"])
    assert len(rows) == 1


def test_status_names_held_backups(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    workplace.good("hold", "one", "--reason", "audit")
    assert "✅ Held: one" in workplace.run("status").out.splitlines()
    assert workplace.run("status", "--json").json["held"] == ["one"]
    workplace.good("release", "one")
    assert "Held:" not in workplace.run("status").out
