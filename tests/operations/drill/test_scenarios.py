"""The four scenarios: what each starts from, measures, leaves behind, and reports on failure."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.verify.drill_places import DrillRequest, drill_request, with_scenarios
from shared.errors import NotGood, NotPermitted, UsageError
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.operations.drill.bare_machine import restore_on_a_bare_machine
from shared.operations.drill.drill import Drill
from shared.operations.drill.history import past_drills, trends
from shared.operations.drill.page import to_markdown
from shared.operations.drill.publish import publish
from shared.operations.drill.rehearsal import Rehearsal
from shared.operations.drill.report import to_json
from shared.operations.drill.run import DrillOptions
from shared.operations.drill.targets import Scenario
from shared.settings import Settings
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.connection_string import parse_connection_string
from shared.sqlitecloud.location import CloudLocation
from tests.operations.drill.yard import SUNDAY, Yard, damage
from tests.servers.sqlitecloud import Server

CHECKS = "-- name: fifty users\n-- expect: 50\nSELECT count(*) FROM users;\n"
ALL = list(Scenario)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def play(yard: Yard, *scenarios: Scenario, **more: object) -> tuple[Drill, dict[Scenario, Rehearsal]]:
    drill = yard.drill(checks=CHECKS, scenarios=scenarios, only_scenarios=True, **more)  # type: ignore[arg-type]
    return drill, {found.scenario: found for found in drill.rehearsals}


def test_scenarios_are_timed_until_application_checks_are_done(yard: Yard) -> None:
    yard.take("one", copied=True)
    drill, found = play(yard, *ALL, copy=True)
    assert drill.passed, drill.findings
    assert list(found) == ALL
    for rehearsal in found.values():
        assert rehearsal.ok
        assert rehearsal.lost_seconds == 3 * 3600
        assert [check.name for check in rehearsal.app_checks] == ["fifty users"]
        until_the_checks = [step.name for step in rehearsal.steps].index("the application's checks") + 1
        assert rehearsal.recovery_seconds == until_the_checks  # each step is one tick of this stopwatch
    assert [time.met for time in drill.times] == [True] * 4
    assert found[Scenario.REGIONAL_OUTAGE].steps[-1].name == "the way back"
    assert [object_.name for object_ in yard.store.list_objects("on-demand/")] == []


def test_minor_corruption_scenario_counts_lost_rows(yard: Yard) -> None:
    yard.take("older", hours_ago=9)
    yard.take("newest", hours_ago=1, kind=Kind.ON_DEMAND, verified=False)
    live = yard.folder / "app.db"
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.execute("INSERT INTO orders VALUES (999, 1, 5)")
        connection.execute("UPDATE orders SET cents = 0 WHERE id <= 3")
    before = live.read_bytes()
    _, found = play(yard, Scenario.MINOR_CORRUPTION, live=lambda _name: FileLocation(live))
    minor = found[Scenario.MINOR_CORRUPTION]
    assert (minor.ok, minor.lost_rows, minor.lost_seconds) == (True, 4, 3600)
    assert minor.backup is not None
    assert minor.backup.id == "newest"
    assert live.read_bytes() == before
    assert not [item.name for item in yard.store.list_objects("") if "before-restore" in item.name]


def test_major_disaster_scenario_uses_only_key_and_store(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.take("one")
    for name in ("DATABASE_URL", "BACKUP_STORE", "BACKUP_KEY", "BACKUP_POLICY", "HOME"):
        monkeypatch.setenv(name, "/nowhere/at/all")
    _, found = play(yard, Scenario.MAJOR_DISASTER)
    assert found[Scenario.MAJOR_DISASTER].ok
    KeyFile.create(yard.folder / "other.key")
    name = yard.find("one").name
    with pytest.raises(NotGood, match="is not encrypted though BACKUP_KEY is set"):  # by the key that was given
        restore_on_a_bare_machine(yard.store.url, f"file:{yard.folder}/other.key", name, yard.folder / "machine")


def test_regional_outage_scenario_needs_copy_of_the_backup(yard: Yard) -> None:
    yard.take("one")
    assert play(yard, *ALL)[1].keys() == set(ALL) - {Scenario.REGIONAL_OUTAGE}
    drill, found = play(yard, Scenario.REGIONAL_OUTAGE, copy=True)
    assert not found[Scenario.REGIONAL_OUTAGE].ok
    assert "run litekeep copy" in drill.findings[0]


@pytest.mark.parametrize("scenario", [Scenario.INSTANCE_FAILURE, Scenario.MAJOR_DISASTER])
def test_bad_backup_in_scenario_exits_3(yard: Yard, scenario: Scenario) -> None:
    taken = yard.take("one")
    for form in ("sql.gz", "sqlite.zst"):
        damage(yard.path(f"{taken.prefix}.{form}"))
    drill, found = play(yard, scenario)
    assert found[scenario].not_good
    assert (drill.exit_code, drill.passed) == (3, False)
    assert any("recovery did not succeed" in finding for finding in drill.findings)


def test_failed_application_check_is_no_recovery(yard: Yard) -> None:
    yard.take("one")
    checks = "-- name: nobody\n-- expect: 0\nSELECT count(*) FROM users;\n"
    drill = yard.drill(checks=checks, scenarios=[Scenario.INSTANCE_FAILURE], only_scenarios=True)
    assert (drill.exit_code, drill.times[0].met) == (1, False)
    assert "the application's check 'nobody' did not pass" in drill.findings[0]


def test_scenario_without_backups_reports_it(yard: Yard) -> None:
    (yard.folder / "backups").mkdir()
    drill, found = play(yard, Scenario.MINOR_CORRUPTION)
    assert "no" in (found[Scenario.MINOR_CORRUPTION].error or "")
    assert drill.exit_code == 1


@pytest.mark.parametrize("scenario", [Scenario.INSTANCE_FAILURE, Scenario.REGIONAL_OUTAGE])
def test_scenario_on_sqlite_cloud_verifies_and_removes_new_database(yard: Yard, scenario: Scenario) -> None:
    yard.take("one", copied=True)
    (yard.folder / "node").mkdir()
    with Server(yard.folder / "node", plain=True) as node:
        address = parse_connection_string(node.url("app.db"), allow_insecure=True).address
        _, found = play(yard, scenario, copy=True, new_location=lambda name: CloudLocation(address, name))
        assert found[scenario].ok, (found[scenario].error, found[scenario].checks)
        assert node.catalog.names() == []
        uploads = [text for one in node.connections for text in one.requests if text.startswith("UPLOAD DATABASE")]
    assert len(uploads) == 1
    assert ".drill-20240204T030000Z-" in uploads[0]


def test_target_outside_policy_is_a_finding(yard: Yard) -> None:
    yard.take("one")

    def refuse(_name: str) -> CloudLocation:
        raise NotPermitted("the policy lists no such target")

    drill, _ = play(yard, Scenario.INSTANCE_FAILURE, new_location=refuse)
    assert "the policy lists no such target" in drill.findings[0]


def test_report_and_next_drill_show_previous_times(yard: Yard) -> None:
    yard.take("one")
    first, _ = play(yard, Scenario.INSTANCE_FAILURE)
    publish(yard.store, first, [])
    (past,) = past_drills(yard.store, "app.db")
    assert past.to_json()["scenarios"] == {"instance": 3.0}
    trend = trends([past])[Scenario.INSTANCE_FAILURE]
    assert (trend.previous_seconds, trend.median_seconds, trend.drills) == (3.0, 3.0, 1)
    page = to_markdown(first)
    assert "first time" in page
    assert "1. restored into a new database: 1.00 s" in page
    report = to_json(first)["rehearsals"][0]
    assert (report["scenario"], report["recovery_seconds"], report["lost_rows"]) == ("instance failure", 3.0, None)


@pytest.mark.parametrize(
    ("asked", "month", "played"),
    [
        (DrillRequest(), 1, 4),
        (DrillRequest(), 2, 0),
        (DrillRequest(), 10, 4),
        (DrillRequest(now=True), 1, 0),
        (DrillRequest(now=True, full=True), 2, 4),
        (DrillRequest(now=True, scenarios=[Scenario.MAJOR_DISASTER]), 1, 1),
    ],
)
def test_scheduled_drill_plays_all_scenarios_once_a_quarter(
    yard: Yard, asked: DrillRequest, month: int, played: int
) -> None:
    options = DrillOptions(yard.catalog, None, None, [], 1)
    today = datetime(2026, month, 4, 3, tzinfo=UTC)
    found = with_scenarios(options, asked, Settings(), today)
    assert (len(found.scenarios), found.only_scenarios) == (played, bool(asked.scenarios))


def test_scenario_flags_are_validated() -> None:
    assert drill_request(now=False, full=False, names=["all"]) == DrillRequest(now=True, scenarios=ALL)
    with pytest.raises(UsageError, match="minor, instance, major, regional, all"):
        drill_request(now=False, full=False, names=["flood"])
    with pytest.raises(UsageError, match="leave out --scenario"):
        drill_request(now=False, full=True, names=["minor"])
    assert SUNDAY.weekday() == 6
