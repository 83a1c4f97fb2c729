"""The filter of each alert on logs matches its own log entries and no others.

The entries are made from shared/events/events.json, in the form in which Cloud Run sends stdout to Cloud Logging.
"""

import json
from typing import Any

import pytest

from tests.terraform.change_lines import CHANGES, MORE_CHANGES
from tests.terraform.logging_query import BadQuery, Entry, compile_query
from tests.terraform.workbench import EVENTS

CONTRACT = json.loads(EVENTS.read_text())
FIRES = {
    "audit.gap": "audit-gap",
    "backup.failed": "backup-failed",
    "cleanup.attention": "cleanup-attention",
    "cleanup.failed": "cleanup-failed",
    "drill.failed": "drill-failed",
    "drill.refused": "wrong-usage",
    "copy.failed": "copy-behind",
    "monitor.backup_vanished": "backup-vanished",
    "monitor.copy_behind": "copy-behind",
    "monitor.drill_overdue": "drill-overdue",
    "monitor.failed": "monitor-failed",
    "monitor.future": "dated-in-future",
    "monitor.key_at_risk": "key-unusable",
    "monitor.key_unusable": "key-unusable",
    "monitor.notify_failed": "monitor-failed",
    "monitor.native_stale": "native-stale",
    "monitor.not_good": "verify-failed",
    "monitor.not_sealed": "not-sealed",
    "monitor.stale": "backup-stale",
    "monitor.store_unwritable": "store-unwritable",
    "monitor.table_vanished": "table-vanished",
    "monitor.unverified": "unverified",
    "request.approved": "request-approved",
    "restore.break_glass": "break-glass",
    "restore.check_failed": "restore-check-failed",
    "restore.failed": "restore-failed",
    "restore.started": "restore-started",
    "source.damaged": "source-damaged",
    "verify.failed": "verify-failed",
    "verify.refused": "wrong-usage",
}
_SAMPLES: dict[str, Any] = {"string": "orders", "integer": 10, "number": 10.5}


def job_line(event: str, job: str = "litekeep-backup-daily", **fields: object) -> Entry:
    """Returns Cloud Logging's entry for an event; `fields` override the samples."""
    about = CONTRACT["events"][event]
    samples = {name: _SAMPLES[CONTRACT["fields"][name]["type"]] for name in about["required"]}
    return {
        "severity": about["severity"],
        "resource": {"type": "cloud_run_job", "labels": {"job_name": job, "location": "europe-west1"}},
        "logName": "projects/acme-prod/logs/run.googleapis.com%2Fstdout",
        "jsonPayload": {"message": "a message", "event": event, **samples, **fields},
    }


@pytest.fixture
def filters(planned_outputs: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = planned_outputs["alert_filters"]
    return found


def firing(filters: dict[str, str], entry: Entry) -> set[str]:
    return {name for name, query in filters.items() if compile_query(query)(entry)}


@pytest.mark.parametrize("event", CONTRACT["events"])
def test_event_fires_exactly_its_alert(filters: dict[str, str], event: str) -> None:
    assert firing(filters, job_line(event)) == ({FIRES[event]} if event in FIRES else set())


@pytest.mark.parametrize(
    ("entry", "alert"),
    [
        (job_line("monitor.size_anomaly", change_percent=51), "size-anomaly"),
        (job_line("monitor.size_anomaly", change_percent=-100), "size-anomaly"),
        (job_line("monitor.size_anomaly", change_percent=-50), None),
        (job_line("monitor.row_anomaly", change_percent=-60.5), "size-anomaly"),
        (job_line("cleanup.succeeded", deleted_percent=25.1), "cleanup-large"),
        (job_line("cleanup.succeeded", deleted_percent=25), None),
        (job_line("backup.succeeded", duration_seconds=2881), "backup-slow"),
        (job_line("backup.succeeded", duration_seconds=2880), None),
    ],
)
def test_figure_fires_only_above_its_threshold(filters: dict[str, str], entry: Entry, alert: str | None) -> None:
    assert firing(filters, entry) == ({alert} if alert else set())


@pytest.mark.parametrize(("entry", "alert"), CHANGES + MORE_CHANGES)
def test_change_in_the_audit_log_fires_its_alert(filters: dict[str, str], entry: Entry, alert: str | None) -> None:
    assert firing(filters, entry) == ({alert} if alert else set())


@pytest.mark.parametrize("event", FIRES)
def test_log_lines_of_other_jobs_fire_nothing(filters: dict[str, str], event: str) -> None:
    assert firing(filters, job_line(event, job="shop-backup")) == set()
    assert firing(filters, {**job_line(event), "resource": {"type": "gce_instance", "labels": {}}}) == set()


@pytest.mark.parametrize("event", FIRES)
def test_events_from_other_machines_fire_the_same_alerts(filters: dict[str, str], event: str) -> None:
    sent = {"resource": {"type": "global", "labels": {}}, "logName": "projects/acme-prod/logs/litekeep"}
    assert firing(filters, {**job_line(event), **sent}) == {FIRES[event]}
    assert firing(filters, {**job_line(event), **sent, "logName": "projects/acme-prod/logs/shop"}) == set()


def test_verify_on_arrival_service_fires_alerts(filters: dict[str, str]) -> None:
    service = {"type": "cloud_run_revision", "labels": {"service_name": "litekeep-verify-on-arrival"}}
    assert firing(filters, {**job_line("verify.failed"), "resource": service}) == {"verify-failed"}


def test_every_alert_on_logs_is_covered(filters: dict[str, str]) -> None:
    by_figure = {"backup-slow", "cleanup-large", "size-anomaly"}
    by_change = {alert for _, alert in CHANGES + MORE_CHANGES if alert}
    assert set(filters) == set(FIRES.values()) | by_figure | by_change


@pytest.mark.parametrize(
    "query",
    ['a="1" AND b="2" OR c="3"', "a=", '(a="1"', 'a="1")', '"text alone"', 'a ~ "b"', 'severity>="no such"'],
)
def test_unsupported_query_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compile_query(query)({"severity": "INFO", "a": "1"})


def test_ordering_text_is_refused() -> None:
    with pytest.raises(BadQuery):
        compile_query("a>5")({"a": "10"})


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ('a.b="X" AND NOT c:*', True),
        ('a.b=("y" OR "x")', True),
        ("n>=3 AND n<=3 AND n<4", True),
        ('a.b!="x"', False),
        ('a.b!~"^y"', True),
        ('missing!="x"', False),
        ("severity>=WARNING", False),
    ],
)
def test_query_follows_the_documented_language(query: str, *, matches: bool) -> None:
    assert compile_query(query)({"a": {"b": "x"}, "n": 3, "severity": "NOTICE"}) is matches
