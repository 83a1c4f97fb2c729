"""`litekeep drill` and the drill job, as run by people and schedules."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from jobs.verify.drill import run_drill
from jobs.verify.drill_places import DrillRequest
from litekeep.sample import make_sample
from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.drill.due import is_due
from shared.operations.verify.ladder import verify_backup
from shared.runtime.progress import silent
from shared.schedule.task_share import share
from shared.sqlite.location import FileLocation
from shared.stores import open_store
from shared.stores.folder import FolderStore
from tests import forker
from tests.cli.conftest import Outcome, Workplace
from tests.operations.drill.yard import SUNDAY, damage
from tests.servers.gcs.proxy import Proxy

CHECKS = "-- name: there are users\n-- expect: > 10\nSELECT count(*) FROM users;\n"


def alone(workplace: Workplace, **settings: str) -> Workplace:
    """A machine that has the store and the key, but no `DATABASE_URL`."""
    environment = {name: value for name, value in workplace.environment.items() if name != "DATABASE_URL"}
    return replace(workplace, environment=environment | settings)


def verified(workplace: Workplace, *names: str, copied: bool = False, database: str = "app.db") -> Workplace:
    """Takes backups under the default key and verifies them, in this process."""
    key = workplace.folder / "litekeep.key"
    wrapping = KeyFile.read(key) if key.exists() else KeyFile.create(key)
    store = open_store(workplace.environment.get("BACKUP_STORE", str(workplace.store)))
    options = BackupOptions(
        FileLocation(workplace.folder / database),
        store,
        wrapping,
        Kind.ON_DEMAND,
        timedelta(days=30),
        "test",
        copy_store=FolderStore(workplace.folder / "copy") if copied else None,
    )
    for name in names:
        take_backup(replace(options, name=name))
        assert verify_backup(Catalog(store), Catalog(store).find(name, database), wrapping).ok
    return workplace


def events(outcome: Outcome, prefix: str = "drill.") -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (outcome.out + outcome.err).splitlines() if line.startswith('{"severity"')]
    return [line for line in lines if line["event"].startswith(prefix)]


def left_behind(workplace: Workplace) -> list[Path]:
    return [Path(place, name) for place, _, names in os.walk(workplace.folder / "tmp") for name in names]


def test_drill_needs_only_store_and_key(workplace: Workplace) -> None:
    verified(workplace, "one", "two")
    workplace.database.unlink()
    (workplace.folder / "checks.sql").write_text(CHECKS)
    machine = alone(workplace, BACKUP_DRILL_SQL="checks.sql")
    (report,) = machine.good("drill", "--now", "--json").json
    assert report["passed"] is True
    assert [restore["backup_id"] for restore in report["restores"]] == ["two", "one"]
    assert report["restores"][0]["app_checks"] == [{"name": "there are users", "ok": True, "detail": "as expected"}]
    assert left_behind(machine) == []
    stored = [name for name in machine.stored() if name.startswith("drills/")]
    assert sorted(Path(name).suffix for name in stored) == [".json", ".md", ".svg"]
    assert json.loads((machine.store / report["report"]).read_text()) == report


def test_drill_is_skipped_on_other_days_with_exit_code_0(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    for name in ("DATABASE_URL", "BACKUP_STORE"):
        monkeypatch.delenv(name, raising=False)
    monday = SUNDAY.replace(day=5)
    assert run_drill("nowhere", None, asked=DrillRequest(), as_json=False, progress=silent, clock=lambda: monday) == 0
    output = capsys.readouterr()
    assert "drill.skipped" in output.err
    assert "2024-03-03" in output.out
    assert not (workplace.folder / "nowhere").exists()


def test_weekly_job_decides_by_date(workplace: Workplace) -> None:
    verified(workplace, "one")
    outcome = alone(workplace).run("--drill", module="jobs.verify", LOG_FORMAT="json", CLOUD_RUN_JOB="drill")
    assert outcome.code == 0
    (event,) = events(outcome)
    assert event["event"] == ("drill.succeeded" if is_due(utc_now()) else "drill.skipped")


def test_drill_job_emits_event_with_figures(workplace: Workplace) -> None:
    verified(workplace, "one")
    job = {"LOG_FORMAT": "json", "CLOUD_RUN_JOB": "drill"}
    outcome = alone(workplace).run("--drill", "--now", module="jobs.verify", **job)
    assert outcome.code == 0, outcome.err
    (event,) = events(outcome)
    assert (event["event"], event["database"], event["backup_id"]) == ("drill.succeeded", "app.db", "one")
    assert isinstance(event["recovery_seconds"], float)
    assert isinstance(event["data_age_seconds"], float)
    (audit,) = events(outcome, "audit")
    assert (audit["action"], audit["outcome"]) == ("drill", "succeeded")


def test_source_damage_is_reported_and_drill_passes(workplace: Workplace) -> None:
    with closing(apsw.Connection(str(workplace.database))) as connection:
        connection.execute("CREATE TABLE twice (x); INSERT INTO twice VALUES (1), (1); CREATE INDEX i ON twice (x)")
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX i ON twice (x)' WHERE name = 'i'")
    outcome = alone(verified(workplace, "one"), LOG_FORMAT="json").good("drill", "--now")
    lines = [json.loads(line) for line in (outcome.out + outcome.err).splitlines() if line.startswith("{")]
    emitted = {each["event"]: each for each in lines if "event" in each}
    assert "drill.succeeded" in emitted
    damaged = emitted["source.damaged"]
    assert (damaged["database"], damaged["backup_id"], damaged["kind"]) == ("app.db", "one", "on-demand")
    assert "non-unique entry in index i" in damaged["message"]


def test_bad_backup_exits_3_and_is_reported(workplace: Workplace) -> None:
    verified(workplace, "one", "two")
    for path in (workplace.store / "on-demand/app.db").glob("two.s*"):
        damage(path)
    outcome = alone(workplace).run("drill", "--now", LOG_FORMAT="json")
    assert outcome.code == 3
    assert "two" in outcome.out
    assert "NOT good" in outcome.out or "not good" in outcome.out
    (event,) = events(outcome)
    assert (event["event"], event["backup_id"], event["check"]) == ("drill.failed", "two", "restore")
    (past,) = workplace.good("drill", "--list", "--json").json
    assert past["passed"] is False
    listed = {item["id"]: item["verified"] for item in workplace.good("list", "--json").json}
    assert listed == {"one": True, "two": False}
    assert left_behind(workplace) == []


def test_no_verified_backup_exits_1_with_report(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    outcome = alone(workplace).run("drill", "--now")
    assert outcome.code == 1
    assert "no verified backup of app.db" in outcome.out
    assert len(list((workplace.store / "drills/app.db").glob("*.failed.md"))) == 1


def test_empty_store_exits_1(workplace: Workplace) -> None:
    outcome = alone(workplace).run("drill", "--now", BACKUP_KEY="none")
    assert outcome.code == 1
    assert "no backups" in outcome.err
    assert not workplace.store.exists()


def test_missing_key_fails_drill_before_any_work(workplace: Workplace) -> None:
    verified(workplace, "one")
    (workplace.folder / "litekeep.key").unlink()
    outcome = alone(workplace).run("drill", "--now", LOG_FORMAT="json")
    assert outcome.code == 1
    (event,) = events(outcome)
    assert (event["event"], event["database"]) == ("drill.failed", "app.db")
    assert not (workplace.folder / "litekeep.key").exists(), "only a backup creates a key"


@pytest.mark.parametrize(
    "arguments",
    [
        ("drill", "--now", "--list"),
        ("drill", "--now", "--database", "other.db"),
        ("verify", "--now"),
        ("verify", "--drill", "--all"),
        ("verify", "--again"),
        ("verify", "--again", "--backup", "one"),
    ],
)
def test_conflicting_flags_are_usage_errors(workplace: Workplace, arguments: tuple[str, ...]) -> None:
    workplace.good("backup", "--name", "one")
    assert workplace.run(*arguments).code == 2


@pytest.mark.parametrize(
    "checks", ["SELECT 1;", "", "-- name: x\n-- database: other.db\n-- expect: 1\nSELECT 1;", None]
)
def test_invalid_check_file_exits_2_before_any_work(workplace: Workplace, checks: str | None) -> None:
    verified(workplace, "one")
    if checks is not None:
        (workplace.folder / "checks.sql").write_text(checks)
    outcome = alone(workplace).run("drill", "--now", BACKUP_DRILL_SQL="checks.sql")
    assert outcome.code == 2
    assert "BACKUP_DRILL_SQL" in outcome.err
    assert not (workplace.store / "drills").exists()


def test_report_that_cannot_be_stored_fails_drill(workplace: Workplace) -> None:
    verified(workplace, "one")
    (workplace.store / "drills").write_text("in the way")
    outcome = alone(workplace).run("drill", "--now")
    assert outcome.code == 1
    assert "could not be stored" in outcome.out
    assert "minor corruption" in outcome.out, "the result is shown anyway"
    assert "The report:" not in outcome.out


def test_past_drills_are_listed_and_plotted(workplace: Workplace) -> None:
    verified(workplace, "one")
    for _ in range(2):
        alone(workplace).good("drill", "--now")
    listed = alone(workplace).good("drill", "--list")
    assert listed.out.count("passed") == 2
    items = alone(workplace).good("drill", "--list", "--json").json
    assert [item["backup_id"] for item in items] == ["one", "one"]
    assert items[0]["held_at"] >= items[1]["held_at"]
    newest = (workplace.store / items[0]["report"]).with_suffix(".svg").read_text()
    assert "over 2 drills" in newest
    assert "No drills" in alone(workplace).good("drill", "--list", "--database", "other.db").out


def test_copy_store_is_drilled_too(workplace: Workplace) -> None:
    verified(workplace, "one", copied=True)
    machine = alone(workplace, BACKUP_COPY_STORE="copy")
    (report,) = machine.good("drill", "--now", "--json").json
    assert [restore["role"] for restore in report["restores"]] == ["latest", "copy"]
    for path in (workplace.folder / "copy").rglob("one.manifest.json"):
        path.unlink()
    outcome = machine.run("drill", "--now")
    assert outcome.code == 1
    assert "the copy store lacks it" in outcome.out


def test_tasks_share_the_databases(workplace: Workplace) -> None:
    databases = ["app.db", "b.db", "c.db"]
    for name in databases[1:]:
        (workplace.folder / name).write_bytes(workplace.database.read_bytes())
    for name in databases:
        verified(workplace, "one", database=name)
    held = []
    for index in range(2):
        tasks = {"CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_COUNT": "2"}
        held.append([report["database"] for report in workplace.good("drill", "--now", "--json", **tasks).json])
    assert held == [share(databases, index, 2, name=str) for index in range(2)]
    assert sorted(held[0] + held[1]) == databases


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_interrupted_drill_leaves_no_report_and_no_data(workplace: Workplace, how: signal.Signals) -> None:
    workplace.database.unlink()
    make_sample(workplace.database, scale=1)
    verified(workplace, "one")
    running = forker.Popen(
        [sys.executable, "-m", "litekeep", "drill", "--now"],
        cwd=workplace.folder,
        env=workplace.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while running.poll() is None and not any(path.suffix == ".sqlite" for path in left_behind(workplace)):
        pass
    running.send_signal(how)
    _, output = running.communicate(timeout=60)
    assert running.returncode != 0, "the drill was interrupted"
    assert "Traceback" not in output
    assert not (workplace.store / "drills").exists()
    if how is signal.SIGKILL:
        workplace.good("drill", "--now")  # the next drill removes what a killed one left
    assert left_behind(workplace) == []
    assert workplace.good("list", "--json").json[0]["verified"] is True


def test_drill_of_bucket_stores_report_there(workplace: Workplace, gcs: Proxy, bucket: str) -> None:
    cloud = {"STORAGE_EMULATOR_HOST": gcs.url, "BACKUP_STORE": f"gs://{bucket}/team"}
    workplace = replace(workplace, environment=workplace.environment | cloud)
    verified(workplace, "one")
    machine = alone(workplace)
    (report,) = machine.good("drill", "--now", "--json").json
    assert report["passed"] is True
    gcs.seen.clear()
    (past,) = machine.good("drill", "--list", "--json").json
    assert sum("prefix=" in seen.target for seen in gcs.seen) == 1, "one listing"
    assert (past["report"], past["backup_id"]) == (report["report"], "one")


def test_drill_help_imports_nothing_heavy(workplace: Workplace) -> None:
    program = (
        "import sys; from litekeep.app import litekeep; litekeep(['drill', '--help'], standalone_mode=False);"
        "heavy = ('apsw', 'pydantic', 'rich', 'tink', 'shared.operations.drill');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=workplace.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
