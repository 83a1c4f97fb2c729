"""Events of machines outside Cloud Run, and checkpoints of the audit trail, in Cloud Logging."""

import grpc  # type: ignore[import-untyped]
import pytest

from tests.cli.conftest import Workplace
from tests.servers.logging.fixture import LOG, URL, logging  # noqa: F401 - a fixture
from tests.servers.logging.server import LoggingServer


@pytest.fixture
def watched(workplace: Workplace, logging: LoggingServer) -> Workplace:  # noqa: F811
    workplace.environment.update(
        BACKUP_EVENTS=URL, LITEKEEP_LOGGING_ENDPOINT=logging.endpoint, BACKUP_SCHEDULES="off", BACKUP_COPY_STORE="copy"
    )
    return workplace


def names(logging: LoggingServer) -> list[str]:  # noqa: F811
    return [str(fields["event"]) for fields in logging.payloads(LOG)]


def test_events_are_sent_with_the_host_name(watched: Workplace, logging: LoggingServer) -> None:  # noqa: F811
    watched.good("backup", "--name", "one")
    assert names(logging) == ["backup.succeeded", "audit"]
    assert all(entry.labels["host"] for entry in logging.entries)
    watched.run("restore", "--backup", "none")
    (watched.folder / "app.db").write_bytes(b"no database")
    assert watched.run("backup").code == 3
    assert names(logging)[-2:] == ["backup.failed", "audit"]


def test_failing_cloud_logging_is_a_finding_and_fails_no_backup(
    watched: Workplace,
    logging: LoggingServer,  # noqa: F811
) -> None:
    logging.may_write = False
    outcome = watched.good("backup", "--name", "one", "--verify")
    assert (
        outcome.err.count("warning: BACKUP_EVENTS did not work: Cloud Logging projects/acme-prod/logs/litekeep: ") == 1
    )
    found = {each["name"]: each["message"] for each in watched.run("status", "--json").json["alerts"]}
    assert "BACKUP_EVENTS failed the last time: " in found["monitor.notify_failed"]
    assert "audit.gap" in {each["name"] for each in watched.run("monitor", "--json").json["findings"]}
    logging.may_write = True
    watched.run("monitor")
    assert watched.good("status", "--json").json["alerts"] == []


def test_trail_cut_in_both_stores_is_detected_by_the_log(watched: Workplace, logging: LoggingServer) -> None:  # noqa: F811
    watched.good("backup", "--name", "one", "--verify")
    watched.good("monitor")
    watched.good("restore", "--backup", "one", "--to", "away.db")
    watched.good("monitor")
    first, second = logging.payloads(f"{LOG}-checkpoints")
    assert (first["checkpoint"], second["checkpoint"]) == (1, 2)
    assert watched.good("audit", "verify", "--json").json["findings"] == []
    for path in [*watched.folder.glob("*/audit/checkpoints/00000002*"), *sorted(watched.store.glob("audit/2*/*"))[2:]]:
        path.unlink()
    outcome = watched.run("audit", "verify", "--json")
    why = f"is gone, and Cloud Logging, {LOG}-checkpoints has it: the trail was cut or rolled back"
    assert (outcome.code, outcome.json["findings"]) == (
        3,
        [{"object": "audit/checkpoints/00000002.json", "what": why}],
    )
    watched.run("monitor")
    findings = watched.run("audit", "verify", "--json").json["findings"]
    assert {each["what"] for each in findings} == {f"differs from the one in Cloud Logging, {LOG}-checkpoints"}


def test_unreadable_checkpoint_log_fails_audit_verify(
    watched: Workplace,
    logging: LoggingServer,  # noqa: F811
) -> None:
    watched.good("backup", "--name", "one", "--verify")
    watched.good("monitor")
    logging.fail(*[grpc.StatusCode.PERMISSION_DENIED] * 10)
    outcome = watched.run("audit", "verify")
    assert (outcome.code, outcome.out) == (1, "")
    assert "grant this identity roles/logging.viewer" in outcome.err


def test_checkpoint_missing_from_the_log_is_a_note(watched: Workplace, logging: LoggingServer) -> None:  # noqa: F811
    watched.good("backup", "--name", "one", "--verify")
    watched.good("monitor")
    logging.may_write = False
    watched.run("monitor")
    logging.may_write = True
    watched.run("monitor")
    report = watched.good("audit", "verify", "--json").json
    assert f"Cloud Logging, {LOG}-checkpoints lacks 1 checkpoint, the first 2" in report["notes"]


def test_cloud_run_job_does_not_write_to_the_logging_api(watched: Workplace, logging: LoggingServer) -> None:  # noqa: F811
    watched.good("keygen", "own.key")
    job = {"CLOUD_RUN_JOB": "litekeep-backup", "GCE_METADATA_HOST": "127.0.0.1:1", "BACKUP_KEY": "file:own.key"}
    before = len(logging.entries)
    assert watched.run("--name", "one", module="jobs.backup", **job).code == 0
    assert len(logging.entries) == before
