"""The log lines of real job runs fire exactly the alerts of their case.

Cases that take too long as a real run (a backup of an hour) are tested with made-up lines in test_alert_filters.py.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs.conftest import job, sample  # noqa: F401 - fixtures
from tests.jobs.runs import Job, Line, Run
from tests.terraform import approved_runs, real_runs
from tests.terraform.logging_query import Entry, compile_query

Case = Callable[[Job], Run]


def entry(line: Line) -> Entry:
    """Returns Cloud Logging's entry for a line of a job's stdout."""
    special = ("severity", "time", "logging.googleapis.com/labels", "logging.googleapis.com/trace")
    labels: dict[str, Any] = line["logging.googleapis.com/labels"]
    return {
        "severity": line["severity"],
        "labels": labels,
        "resource": {"type": "cloud_run_job", "labels": {"job_name": labels["job"], "location": "europe-west1"}},
        "logName": "projects/acme-prod/logs/run.googleapis.com%2Fstdout",
        "jsonPayload": {name: value for name, value in line.items() if name not in special},
    }


CASES: dict[Case, tuple[set[str], set[str]]] = {
    # case: (events that must be among the lines, alerts that fire)
    real_runs.a_backup: ({"backup.succeeded", "audit"}, set()),
    real_runs.a_backup_without_its_database: ({"backup.failed"}, {"backup-failed"}),
    real_runs.a_backup_with_a_wrong_setting: ({"backup.failed"}, {"backup-failed"}),
    real_runs.a_backup_of_a_damaged_database: ({"backup.failed"}, {"backup-failed"}),
    real_runs.a_backup_into_an_unwritable_store: ({"backup.failed"}, {"backup-failed"}),
    real_runs.a_backup_without_its_copy: ({"backup.failed"}, {"backup-failed"}),
    real_runs.a_backup_whose_audit_event_fails: ({"backup.succeeded", "audit.gap"}, {"audit-gap"}),
    real_runs.a_second_start_of_a_slot: ({"backup.skipped"}, set()),
    real_runs.a_verification: ({"verify.succeeded"}, set()),
    real_runs.a_verification_of_a_damaged_backup: ({"verify.failed"}, {"verify-failed"}),
    real_runs.a_verification_of_a_damaged_source: ({"verify.succeeded", "source.damaged"}, {"source-damaged"}),
    real_runs.a_verification_with_the_wrong_key: ({"verify.failed"}, {"verify-failed"}),
    real_runs.a_verification_with_a_wrong_flag: ({"verify.refused"}, {"wrong-usage"}),
    real_runs.a_drill_with_a_wrong_setting: ({"drill.refused"}, {"wrong-usage"}),
    real_runs.a_restore: ({"restore.started", "restore.succeeded"}, {"restore-started"}),
    approved_runs.an_approval_by_a_second_person: ({"request.approved"}, {"request-approved"}),
    approved_runs.an_approval_by_an_offline_key: (
        {"request.approved", "restore.break_glass"},
        {"request-approved", "break-glass"},
    ),
    approved_runs.a_restore_that_an_offline_key_approved: (
        {"restore.break_glass", "restore.started"},
        {"restore-started", "break-glass"},
    ),
    real_runs.a_restore_of_a_damaged_backup: ({"restore.failed"}, {"restore-started", "restore-failed"}),
    real_runs.a_restore_check_of_a_reachable_target: ({"restore.check_succeeded"}, set()),
    real_runs.a_restore_check_of_an_unreachable_target: ({"restore.check_failed"}, {"restore-check-failed"}),
    real_runs.a_cleanup: ({"cleanup.succeeded"}, set()),
    real_runs.a_cleanup_that_deletes_many_backups: ({"cleanup.succeeded"}, {"cleanup-large"}),
    real_runs.a_cleanup_that_waits_for_a_good_backup: (
        {"cleanup.succeeded", "cleanup.attention"},
        {"cleanup-attention"},
    ),
    real_runs.a_cleanup_of_a_broken_store: ({"cleanup.failed"}, {"cleanup-failed"}),
    real_runs.a_monitor_run_without_findings: ({"monitor.ok", "monitor.age", "audit.checkpoint"}, set()),
    real_runs.a_monitor_run_after_a_backup_vanished: ({"monitor.backup_vanished"}, {"backup-vanished"}),
    real_runs.a_monitor_run_after_an_audit_event_was_removed: ({"audit.gap"}, {"audit-gap"}),
    real_runs.a_monitor_run_on_stale_backups: ({"monitor.stale"}, {"backup-stale", "copy-behind", "drill-overdue"}),
    real_runs.a_monitor_run_on_unverified_backups: ({"monitor.unverified"}, {"unverified"}),
    real_runs.a_monitor_run_on_a_bad_backup: ({"monitor.not_good"}, {"verify-failed"}),
    real_runs.a_monitor_run_on_an_unsealed_verdict: ({"monitor.not_sealed"}, {"not-sealed"}),
    real_runs.a_monitor_run_on_a_backup_from_the_future: ({"monitor.future"}, {"dated-in-future"}),
    real_runs.a_monitor_run_on_a_shrunken_database: (
        {"monitor.size_anomaly", "monitor.table_vanished"},
        {"size-anomaly", "table-vanished"},
    ),
    real_runs.a_monitor_run_without_a_key: ({"monitor.key_unusable"}, {"key-unusable"}),
    real_runs.a_monitor_run_on_an_unwritable_copy_store: (
        {"monitor.store_unwritable"},
        {"audit-gap", "monitor-failed", "store-unwritable"},
    ),
    real_runs.a_monitor_run_on_a_broken_store: ({"monitor.failed"}, {"monitor-failed"}),
    real_runs.a_monitor_run_on_native_backups_without_points: ({"monitor.native_stale"}, {"native-stale"}),
    real_runs.a_drill: ({"drill.succeeded"}, set()),
    real_runs.a_drill_on_a_damaged_backup: ({"drill.failed"}, {"drill-failed"}),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_case_fires_exactly_its_alerts(
    case: Case,
    job: Job,  # noqa: F811
    planned_outputs: dict[str, Any],
) -> None:
    filters: dict[str, str] = planned_outputs["alert_filters"]
    run = case(job)
    events, alerts = CASES[case]
    assert events <= {line["event"] for line in run.lines}, (run.out, run.err)
    fired = {
        name: line["event"]
        for line in run.lines
        for name, query in filters.items()
        if compile_query(query)(entry(line))
    }
    assert set(fired) == alerts, fired


def test_every_alert_on_job_logs_is_covered_except_backup_slow(planned_outputs: dict[str, Any]) -> None:
    fired = {alert for _, alerts in CASES.values() for alert in alerts}
    by_others = {
        "access-changed",
        "audit-changed",
        "bucket-changed",
        "identity-changed",
        "job-changed",
        "key-changed",
        "not-started",
        "watch-changed",
    }
    assert set(planned_outputs["alert_filters"]) == fired | by_others | {"backup-slow"}
