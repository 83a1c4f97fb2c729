"""`litekeep audit` and `litekeep audit verify`, on the audit trail in the store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Workplace


@pytest.fixture
def worked(workplace: Workplace) -> Workplace:
    """A store with a copy store, three operations and two checkpoints."""
    workplace.environment["BACKUP_COPY_STORE"] = "copy"
    workplace.environment["BACKUP_SCHEDULES"] = "off"
    workplace.good("backup", "--name", "one")
    workplace.good("backup", "--name", "two", "--verify")
    workplace.good("monitor")
    workplace.good("delete", "one", "--reason", "a test")
    workplace.run("monitor")
    return workplace


def events(workplace: Workplace) -> list[Path]:
    return sorted((workplace.store / "audit").glob("2*/*.json"))


def test_audit_lists_operations_and_verifies_the_trail(worked: Workplace) -> None:
    listed = worked.good("audit", "--json").json
    assert [(line["action"], line["backup_id"], line["outcome"]) for line in listed] == [
        ("delete", "one", "succeeded"),
        ("backup", "two", "succeeded"),
        ("backup", "one", "succeeded"),
    ]
    assert all(line["object"].startswith("audit/2") for line in listed)
    (deleted,) = worked.good("audit", "--action", "delete", "--since", "1h", "--json").json
    assert deleted["reason"] == "a test"
    shown = worked.good("audit", "--backup", "one").out
    assert shown.count("\n") == 4
    assert "No matching event" in worked.good("audit", "--actor", "nobody").out
    report = worked.good("audit", "verify", "--json").json
    assert (report["ok"], report["checkpoints"], report["events"], report["findings"]) == (True, 2, 3, [])
    assert "✓ The audit trail of ./backups is whole: 2 checkpoints, 3 events" in worked.good("audit", "verify").out


def test_audit_verify_exits_3_and_names_missing_event(worked: Workplace) -> None:
    gone = events(worked)[0]
    gone.unlink()
    outcome = worked.run("audit", "verify")
    assert outcome.code == 3
    assert f"✗ {gone.relative_to(worked.store)}: was removed: it is under checkpoint 1" in outcome.out
    found = worked.run("monitor", "--json").json["findings"]
    assert [(each["name"], each["object"]) for each in found] == [("audit.gap", str(gone.relative_to(worked.store)))]


def test_vanished_backup_is_a_finding_and_a_deleted_one_is_not(worked: Workplace) -> None:
    for path in worked.store.rglob("two.*"):
        path.unlink()
    found = worked.run("monitor", "--json").json["findings"]
    assert [(each["name"], each["backup_id"]) for each in found if "vanished" in each["name"]] == [
        ("monitor.backup_vanished", "two")
    ]
    outcome = worked.run("audit", "verify")
    assert "on-demand/app.db/two: was gone at " in outcome.out


def test_unwritable_trail_is_a_finding_and_fails_no_backup(workplace: Workplace) -> None:
    workplace.environment["BACKUP_SCHEDULES"] = "off"
    workplace.store.mkdir()
    (workplace.store / "audit").write_bytes(b"no folder")
    outcome = workplace.good("backup", "--name", "one", "--verify", LOG_FORMAT="json")
    logged = [json.loads(line) for line in outcome.err.splitlines() if line.startswith("{")]
    assert [line["event"] for line in logged] == ["backup.succeeded", "audit", "audit.gap"]
    status = workplace.run("status", "--json").json
    assert [each["name"] for each in status["alerts"]] == ["audit.gap"]
    assert [each["name"] for each in workplace.run("monitor", "--json").json["findings"]] == ["audit.gap", "audit.gap"]
    (workplace.store / "audit").unlink()
    assert [each["name"] for each in workplace.run("monitor", "--json").json["findings"]] == ["audit.gap"]
    assert workplace.good("monitor", "--json").json["findings"] == []
    assert workplace.good("status", "--json").json["alerts"] == []


def test_audit_event_alone_creates_no_store(workplace: Workplace) -> None:
    workplace.good("keygen", "own.key")
    (workplace.folder / "app.db").write_bytes(b"no database")
    assert workplace.run("backup", BACKUP_KEY="file:own.key").code == 3
    assert not workplace.store.exists()
    assert workplace.run("audit", "verify").code == 3
    assert not workplace.store.exists()


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--until", "soon"], ["verify", "--since", "soon"]])
def test_invalid_time_flag_of_audit_exits_2(
    workplace: Workplace, one_line: Callable[[Outcome, int], str], arguments: list[str]
) -> None:
    assert "'soon' is not a time: write 24h, 7d or 2024-01-15T12:00:00Z" in one_line(
        workplace.run("audit", *arguments), 2
    )


def test_trail_without_checkpoint_is_reported_as_unknown(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    outcome = workplace.run("audit", "verify")
    assert outcome.code == 3
    assert "Cannot tell whether the audit trail of ./backups is whole" in outcome.out
    assert "is not whole" not in outcome.out
