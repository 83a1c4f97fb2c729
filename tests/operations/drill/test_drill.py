"""Drills of real backups: those that pass, and those that must fail."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import StoreError
from shared.model.kinds import Kind
from shared.operations.drill.attempt import Role
from shared.operations.drill.report import to_json
from shared.operations.drill.targets import Scenario
from shared.stores.folder import FolderStore
from tests.operations.drill.yard import SECRET, Yard, damage

CHECKS = """
-- name: everybody is there
-- expect: 50
SELECT count(*) FROM users;

-- name: nobody is called that
-- expect: 'somebody else'
SELECT name FROM users WHERE id = 1;
"""


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    yield Yard(tmp_path)
    left = [Path(place, name) for place, _, names in os.walk(tmp_path / "tmp") for name in names]
    assert left == [], "a drill cleans up"


def test_drill_restores_latest_older_and_copy(yard: Yard) -> None:
    yard.take("older", hours_ago=27)
    yard.take("newest", copied=True)
    yard.take("not-yet-verified", hours_ago=1, verified=False)
    drill = yard.drill(copy=True)
    assert [(attempt.role.value, attempt.backup.id, attempt.ok) for attempt in drill.attempts] == [
        ("latest", "newest", True),
        ("older", "older", True),
        ("copy", "newest", True),
    ]
    assert [check.name for check in drill.attempts[0].checks] == ["restore", "schema", "data"]
    assert (drill.passed, drill.exit_code, drill.findings) == (True, 0, [])
    assert drill.data_age_seconds == 3 * 3600


def test_recovery_times_add_up_by_scenario(yard: Yard) -> None:
    yard.take("older", hours_ago=27)
    yard.take("newest", copied=True)
    # started, restored, checked, application's checks done: of the latest, the older one, the copy
    drill = yard.drill(copy=True, ticks=[0, 10, 5, 2, 0, 100, 50, 20, 0, 1000, 500, 200])
    assert {time.scenario: time.seconds for time in drill.times} == {
        Scenario.MINOR_CORRUPTION: 15,
        Scenario.INSTANCE_FAILURE: 17,
        Scenario.MAJOR_DISASTER: 17 + 170,
        Scenario.REGIONAL_OUTAGE: 1700,
    }
    assert [attempt.restore_seconds for attempt in drill.attempts] == [10, 100, 1000]


HOUR = 3600.0


@pytest.mark.parametrize(
    ("ticks", "missed"),
    [
        ([0, HOUR, 0, 0], []),
        ([0, HOUR, 1, 0], ["minor corruption"]),
        ([0, HOUR, 0, HOUR + 1], ["instance failure"]),
        ([0, 2 * HOUR, 0, 2 * HOUR + 1], ["minor corruption", "instance failure", "major disaster"]),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 8 * HOUR, 0, 0], []),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 8 * HOUR, 1, 0], ["regional outage"]),
        ([0, 0, 0, 0, 0, 4 * HOUR, 1, 0], ["major disaster"]),
    ],
)
def test_recovery_time_over_target_fails_drill(yard: Yard, ticks: list[float], missed: list[str]) -> None:
    yard.take("older", hours_ago=27)
    yard.take("newest", copied=True)
    drill = yard.drill(copy=True, ticks=ticks + [0] * (12 - len(ticks)))
    assert [time.scenario.value for time in drill.times if not time.met] == missed
    assert drill.exit_code == (1 if missed else 0)
    assert len(drill.findings) == len(missed)


def test_regional_outage_is_not_measured_without_copy_store(yard: Yard) -> None:
    yard.take("newest")
    drill = yard.drill()
    assert [(time.met, time.seconds) for time in drill.times if time.scenario is Scenario.REGIONAL_OUTAGE] == [
        (None, None)
    ]
    assert drill.exit_code == 0


def test_single_backup_passes_and_report_says_there_is_no_older_one(yard: Yard) -> None:
    yard.take("only")
    drill = yard.drill()
    assert [attempt.role for attempt in drill.attempts] == [Role.LATEST]
    assert drill.passed
    assert "no older backup" in next(time.note for time in drill.times if time.scenario is Scenario.MAJOR_DISASTER)


def test_damaged_latest_backup_is_not_good(yard: Yard) -> None:
    yard.take("older", hours_ago=27)
    name = yard.take("newest")
    for ending in ("sqlite.zst", "sql.gz"):
        damage(yard.path(f"{name.prefix}.{ending}"))
    drill = yard.drill()
    assert drill.attempts[0].not_good
    assert drill.exit_code == 3
    assert any("newest" in finding and "not good" in finding for finding in drill.findings)
    assert [time.met for time in drill.times] == [False, False, False, None]
    assert yard.find("newest").verified is False, "the verdict is stored"
    assert drill.attempts[1].ok, "the older one is drilled too"


def test_damaged_image_is_not_good_even_if_the_dump_restores(yard: Yard) -> None:
    name = yard.take("newest")
    damage(yard.path(f"{name.prefix}.sqlite.zst"))
    latest = yard.drill().attempt(Role.LATEST)
    assert latest is not None
    assert latest.artifact == f"{name.prefix}.sql.gz"
    assert latest.recovery_seconds is not None
    assert [(check.name, check.ok) for check in latest.checks] == [("restore", False), ("schema", True), ("data", True)]


def test_latest_backup_with_damaged_manifest_is_not_good(yard: Yard) -> None:
    yard.take("older", hours_ago=27)
    name = yard.take("newest")
    yard.path(name.manifest).write_text("{")
    drill = yard.drill()
    assert [(attempt.backup.id, attempt.not_good) for attempt in drill.attempts] == [("newest", True), ("older", False)]
    assert drill.exit_code == 3


def test_backup_with_missing_artifacts_is_not_good(yard: Yard) -> None:
    name = yard.take("newest")
    for ending in ("sqlite.zst", "sql.gz"):
        yard.path(f"{name.prefix}.{ending}").unlink()
    drill = yard.drill()
    assert drill.exit_code == 3
    assert drill.attempts[0].not_good


def test_backup_deleted_during_drill_is_not_called_bad(yard: Yard) -> None:
    name = yard.take("newest")
    backups = yard.catalog.backups()
    for path in yard.path(name.prefix).parent.iterdir():
        path.unlink()
    drill = yard.drill(backups=backups)
    assert not drill.attempts[0].not_good
    assert "deleted during the drill" in drill.findings[0]
    assert drill.exit_code == 1


def test_bad_older_backup_fails_drill(yard: Yard) -> None:
    name = yard.take("older", hours_ago=27, verified=False)
    yard.take("newest")
    damage(yard.path(f"{name.prefix}.sqlite.zst"))
    drill = yard.drill()
    assert drill.exit_code == 3
    assert [time.met for time in drill.times] == [True, True, False, None]


def test_no_verified_backup_fails_drill_with_remedy(yard: Yard) -> None:
    yard.take("newest", verified=False)
    drill = yard.drill(copy=True)
    assert drill.attempts == []
    assert drill.exit_code == 1
    assert drill.findings[0].startswith("no verified backup of app.db: ")
    assert "litekeep verify --all" in drill.findings[0]
    assert [time.met for time in drill.times] == [False] * 4


def test_copy_store_without_the_backup_fails_drill(yard: Yard) -> None:
    yard.take("older", hours_ago=27, copied=True)
    yard.take("newest")
    drill = yard.drill(copy=True)
    assert "the copy store lacks it" in drill.findings[0]
    assert [time.met for time in drill.times] == [True, True, True, False]
    assert drill.exit_code == 1


def test_damaged_copy_is_not_good_and_primary_keeps_its_verdict(yard: Yard) -> None:
    name = yard.take("newest", copied=True)
    damage(yard.path(f"{name.prefix}.sqlite.zst", copy=True))
    drill = yard.drill(copy=True)
    assert drill.exit_code == 3
    assert yard.find("newest").verified is True


def test_unreachable_copy_store_is_a_finding(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.take("newest", copied=True)
    listing = FolderStore.list_objects

    def out_of_reach(store: FolderStore, prefix: str = "", start: str = "") -> object:
        if store.url.endswith("copy"):
            raise StoreError("the copy cannot be reached: try again")
        return listing(store, prefix, start)

    monkeypatch.setattr(FolderStore, "list_objects", out_of_reach)
    drill = yard.drill(copy=True)
    assert drill.exit_code == 1
    assert "the copy cannot be reached" in drill.findings[0]


def test_failed_application_check_fails_drill_without_showing_values(yard: Yard) -> None:
    yard.take("newest")
    drill = yard.drill(checks=CHECKS)
    assert drill.exit_code == 1, "the backup equals the source: the application expected something else"
    assert not drill.attempts[0].not_good
    assert any("'nobody is called that' did not pass: other than expected" in finding for finding in drill.findings)
    assert [time.met for time in drill.times][:2] == [True, False], "the data is restored, but the application is not"
    assert SECRET not in json.dumps(to_json(drill))
    assert SECRET not in repr(drill)


def test_check_of_another_database_is_not_run(yard: Yard) -> None:
    yard.take("newest")
    other = "-- name: not ours\n-- expect: 1\n-- database: other.db\nSELECT a FROM nowhere;"
    drill = yard.drill(checks=other)
    assert drill.passed
    assert drill.attempts[0].app_checks == []


@pytest.mark.parametrize(
    ("kind", "hours_ago", "met"),
    [
        (Kind.CONTINUOUS, 4 / 60, True),
        (Kind.CONTINUOUS, 10 / 60, True),  # five minutes, and the next point is being taken
        (Kind.CONTINUOUS, 11 / 60, False),
        (Kind.DAILY, 24, True),
        (Kind.DAILY, 24.1, False),
        (Kind.WEEKLY, 7 * 24, True),
        (Kind.WEEKLY, 7 * 24 + 0.1, False),
    ],
)
def test_data_age_is_judged_by_kind(yard: Yard, kind: Kind, hours_ago: float, met: bool) -> None:
    yard.take("newest", kind=kind, hours_ago=hours_ago)
    drill = yard.drill()
    assert [(point.kind, point.met) for point in drill.points] == [(kind, met)]
    assert drill.exit_code == (0 if met else 1)


def test_data_age_is_that_of_newest_usable_backup(yard: Yard) -> None:
    yard.take("good", hours_ago=30)
    yard.take("from-next-year", hours_ago=-9000, verified=False)
    (point,) = yard.drill().points
    assert (point.backup_id, point.met) == ("good", False)


def test_kind_without_recovery_point_target_is_not_judged(yard: Yard) -> None:
    yard.take("newest", kind=Kind.MILESTONE, hours_ago=5000)
    drill = yard.drill()
    assert list(drill.points) == []
    assert drill.passed


def test_report_records_seed_of_the_choice(yard: Yard) -> None:
    for number in range(4):
        yard.take(f"b{number}", hours_ago=3 + 24 * number)
    report = to_json(yard.drill(seed=77))
    assert report["choice"] == {"seed": 77, "older_candidates": 3}
    assert to_json(yard.drill(seed=77))["restores"][1]["backup_id"] == report["restores"][1]["backup_id"]
