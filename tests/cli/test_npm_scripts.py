"""The npm scripts of docs/application.md."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Outcome, Workplace
from tests.dump.equality import assert_equal
from tests.program import program_folder
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy
from tests.servers.sqlitecloud import Server

SCRIPTS = ROOT / "deploy" / "application" / "scripts.json"
JOURNAL = [("0000_users", 1_700_000_000_000), ("0001_events", 1_700_000_100_000), ("0002_orders", 1_700_000_200_000)]


@dataclass(frozen=True)
class Application:
    """A small Node.js application with Drizzle's folder, whose scripts npm runs."""

    place: Workplace

    def npm(self, script: str, *arguments: str, **settings: str) -> Outcome:
        command = ["npm", "run", "--silent", script, *(["--", *arguments] if arguments else [])]
        path = f"{program_folder()}:{Path(sys.executable).parent}:{self.place.environment['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.place.folder,
            env=self.place.environment | {"PATH": path} | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def good(self, script: str, *arguments: str, **settings: str) -> Outcome:
        outcome = self.npm(script, *arguments, **settings)
        assert outcome.code == 0, (script, outcome.err)
        return outcome


@pytest.fixture
def application(workplace: Workplace) -> Application:
    scripts = json.loads(SCRIPTS.read_text()) | {"deploy:production": "node -e \"console.log('deployed')\""}
    (workplace.folder / "package.json").write_text(json.dumps({"name": "app", "version": "1.5.0", "scripts": scripts}))
    write_journal(workplace.folder / "drizzle", JOURNAL)
    with closing(sqlite3.connect(workplace.database)) as connection, connection:
        migrate(connection, JOURNAL[:2])
    return Application(workplace)


def write_journal(folder: Path, entries: list[tuple[str, int]]) -> None:
    """Writes the journal as drizzle-kit does."""
    document: dict[str, Any] = {"version": "7", "dialect": "sqlite"}
    document["entries"] = [
        {"idx": number, "version": "6", "when": when, "tag": tag, "breakpoints": True}
        for number, (tag, when) in enumerate(entries)
    ]
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    (folder / "meta" / "_journal.json").write_text(json.dumps(document))


def migrate(connection: sqlite3.Connection, entries: list[tuple[str, int]]) -> None:
    """Records the migrations as drizzle-orm's migrator does."""
    connection.execute("DROP TABLE IF EXISTS __drizzle_migrations")
    connection.execute(
        "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)"
    )
    rows = [(f"hash of {tag}", when) for tag, when in entries]
    connection.executemany("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)", rows)


@pytest.fixture(params=["file", "sqlitecloud"])
def source(request: pytest.FixtureRequest, application: Application) -> Iterator[Application]:
    if request.param == "file":
        yield application
        return
    folder = application.place.folder / "node"
    folder.mkdir()
    shutil.copy(application.place.database, folder / "app.db")
    with Server(folder) as server:
        application.place.environment["DATABASE_URL"] = server.url("app.db")
        yield application


def test_guide_shows_the_tested_scripts() -> None:
    guide = (ROOT / "docs" / "application.md").read_text()
    block = guide.split("```json\n")[1].split("```")[0]
    assert json.loads(block) == json.loads(SCRIPTS.read_text())


def test_every_documented_npm_script_works(source: Application) -> None:
    folder = source.place.folder
    source.good("db:backup", "--name=before")
    source.good("db:backup", "--name=pre-deployment-v1.5.0")
    listed = source.good("db:backup:list", "--json").json
    assert [(item["id"], item["kind"]) for item in listed] == [
        ("pre-deployment-v1.5.0", "pre-deployment"),
        ("before", "on-demand"),
    ]
    assert "pre-deployment-v1.5.0 is good" in source.good("db:backup:verify", "--backup=latest").out
    assert "before is good" in source.good("db:backup:verify-all").out
    assert "last backup" in source.npm("db:backup:status").out.lower()
    source.good("db:backup:cleanup", "--dry-run")
    restored = source.good("db:restore", "--backup=before.sql.gz", "--verify", f"--to={folder}/new.db")
    assert "migrations to run now: 0002_orders" in restored.out
    assert_equal(source.place.database, folder / "new.db")
    source.good("db:restore", "--backup=before.sql.gz")  # beside the source
    source.good("db:health")


def test_npm_scripts_verify_and_import_a_dump(application: Application) -> None:
    application.place.good("backup", "--name", "one")
    application.place.good("export", "--backup", "one", "--output", "one.sql.gz")
    application.good("db:verify", "--file=one.sql.gz")
    application.good("db:import", "--file=one.sql.gz", "--to=imported.db")
    assert_equal(application.place.database, application.place.folder / "imported.db")


def test_upload_gcs_copies_to_the_bucket(application: Application, gcs: Proxy, bucket: str) -> None:  # noqa: F811
    emulator = {"STORAGE_EMULATOR_HOST": gcs.url}
    application.good("db:backup", "--name=one", "--upload-gcs", f"--bucket={bucket}", **emulator)
    application.good("db:backup:verify", "--backup=one", f"--store=gs://{bucket}", **emulator)


def test_deployment_takes_a_verified_backup_first(source: Application) -> None:
    assert "deployed" in source.good("deploy:production").out
    (item,) = source.good("db:backup:list", "--json").json
    assert (item["kind"], item["verified"]) == ("pre-deployment", True)


def test_deployment_stops_if_its_backup_fails(application: Application) -> None:
    done = application.npm("deploy:production", DATABASE_URL="gone.db")
    assert done.code != 0
    assert "deployed" not in done.out


def restored_lines(application: Application, name: str) -> list[str]:
    out = application.good("db:restore", "--backup=one", f"--to={name}").out
    return [line.strip() for line in out.splitlines() if "migration" in line or "never ran" in line or "newer" in line]


def test_backup_with_all_migrations_reports_none_to_run(application: Application) -> None:
    write_journal(application.place.folder / "drizzle", JOURNAL[:2])
    application.place.good("backup", "--name", "one")
    assert restored_lines(application, "a.db") == ["migrations: 2 of drizzle are in the backup: nothing to run"]


def test_backup_newer_than_the_application_is_reported(application: Application) -> None:
    write_journal(application.place.folder / "drizzle", JOURNAL[:1])
    application.place.good("backup", "--name", "one")
    assert restored_lines(application, "a.db") == [
        "migrations: 1 of drizzle are in the backup",
        "the backup has 1 that the application does not have: the backup is newer",
    ]


def test_migration_that_drizzle_skips_is_reported(application: Application) -> None:
    write_journal(application.place.folder / "drizzle", [JOURNAL[0], ("0001_late", 1_700_000_050_000), *JOURNAL[1:2]])
    application.place.good("backup", "--name", "one")
    assert restored_lines(application, "a.db")[1:] == ["never ran there, and Drizzle will not run them: 0001_late"]


def test_database_without_migrations_table_reports_all_to_run(application: Application) -> None:
    with closing(sqlite3.connect(application.place.database)) as connection, connection:
        connection.execute("DROP TABLE __drizzle_migrations")
        connection.execute(  # a view of that name is not queried: it may never end
            "CREATE VIEW __drizzle_migrations AS WITH RECURSIVE n(created_at) AS"
            " (SELECT 1 UNION ALL SELECT created_at + 1 FROM n) SELECT * FROM n"
        )
    application.place.good("backup", "--name", "one")
    document = application.good("db:restore", "--backup=one", "--to=a.db", "--json").json
    assert document["migrations"] == {
        "folder": "drizzle",
        "applied": 0,
        "pending": [tag for tag, _ in JOURNAL],
        "skipped": [],
        "unknown": 0,
    }


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"entries": [{"tag": 1}]}', '{"entries": [{"tag": "a", "when": 1e999}]}']
)
def test_invalid_journal_stops_the_restore(application: Application, text: str) -> None:
    (application.place.folder / "drizzle" / "meta" / "_journal.json").write_text(text)
    application.place.good("backup", "--name", "one")
    done = application.npm("db:restore", "--backup=one", "--to=a.db")
    assert done.code == 2
    assert "drizzle/meta/_journal.json is no journal of Drizzle" in done.err
    assert not (application.place.folder / "a.db").exists()


def test_missing_migrations_folder_is_named(application: Application) -> None:
    shutil.rmtree(application.place.folder / "drizzle")
    application.place.good("backup", "--name", "one")
    assert (
        "--migrations: drizzle/meta/_journal.json cannot be read" in application.npm("db:restore", "--backup=one").err
    )
