"""Back up, verify and restore: the restored database equals the source."""

import json
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.cli.conftest import Workplace
from tests.dump.equality import assert_equal

ID = r"backup-\d{4}-\d\d-\d\d-\d{6}"


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_restored_database_equals_the_source_in_both_formats(workplace: Workplace) -> None:
    for form in ("sql", "sqlite"):
        workplace.good("backup", "--format", form, "--name", f"only-{form}", "--verify")
        workplace.good("restore", "--backup", f"only-{form}", "--to", f"{form}.db", "--verify")
        assert_equal(workplace.database, workplace.folder / f"{form}.db")


def test_backup_json_has_the_documented_fields(workplace: Workplace) -> None:
    document = workplace.good("backup", "--json", "--verify").json
    assert document["database"] == "app.db"
    assert document["kind"] == "on-demand"
    assert document["id"].startswith("backup-20")
    assert document["created_at"].endswith("Z")
    assert document["verified"] is True
    assert document["tables"] == 6
    assert (
        document["rows"]
        == sum(count(workplace.database, table) for table in ("users", "events", "messages", "audit")) + 3
    )
    assert len(document["schema_version"]) > 0
    assert document["keep_until"] > document["created_at"]
    assert document["duration_seconds"] > 0
    for artifact in document["artifacts"]:
        assert artifact["encrypted"] is True
        stored = workplace.store / artifact["object"]
        assert stored.stat().st_size == artifact["size_bytes"]
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600


def test_backup_stores_only_the_documented_objects(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one", "--verify")
    verdict = [name for name in workplace.stored() if ".verified-" in name]
    assert len(verdict) == 1
    assert sorted(set(workplace.stored()) - set(verdict)) == [
        "on-demand/app.db/one.manifest.json",
        "on-demand/app.db/one.sql.gz.enc",
        "on-demand/app.db/one.sqlite.zst.enc",
    ]


def test_list_shows_backups_newest_first_with_verdicts(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "first", "--verify")
    workplace.good("backup", "--name", "milestone-1")
    items = workplace.good("list", "--json").json
    assert [(item["id"], item["kind"], item["verified"]) for item in items] == [
        ("milestone-1", "milestone", None),
        ("first", "on-demand", True),
    ]
    assert [item["id"] for item in workplace.good("list", "--json", "--kind", "milestone").json] == ["milestone-1"]
    assert "milestone-1" in workplace.good("list").out


def test_stock_shell_rebuilds_an_unencrypted_dump(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "plain", BACKUP_KEY="none")
    dump = workplace.store / "on-demand/app.db/plain.sql.gz"
    rebuilt = workplace.folder / "rebuilt.db"
    subprocess.run(f"gunzip -c '{dump}' | sqlite3 '{rebuilt}'", shell=True, check=True)
    assert_equal(workplace.database, rebuilt)


def test_stock_shell_opens_exports(workplace: Workplace) -> None:
    workplace.good("backup")
    for name in ("out.sql", "out.sql.gz", "out.sqlite"):
        workplace.good("export", "--backup", "latest", "--output", name)
        output = workplace.folder / name
        if name.endswith(".sqlite"):
            rebuilt = output
        else:
            rebuilt = workplace.folder / f"{name}.db"
            unpack = "gunzip -c" if name.endswith(".gz") else "cat"
            subprocess.run(f"{unpack} '{output}' | sqlite3 '{rebuilt}'", shell=True, check=True)
        assert_equal(workplace.database, rebuilt)


def test_dump_of_the_stock_shell_is_imported(workplace: Workplace) -> None:
    dump = workplace.folder / "stock.sql"
    dump.write_bytes(subprocess.run(["sqlite3", workplace.database, ".dump"], capture_output=True, check=True).stdout)
    document = workplace.good("import", "--file", dump, "--to", "imported.db", "--json").json
    assert (document["verified"], document["target"]) == (True, "imported.db")
    assert count(workplace.folder / "imported.db", "events") == count(workplace.database, "events")


def test_every_export_format_can_be_verified_and_imported(workplace: Workplace) -> None:
    workplace.good("backup")
    for name in ("out.sql", "out.sql.gz", "out.sqlite"):
        workplace.good("export", "--backup", "latest", "--output", name)
        document = workplace.good("verify", "--file", name, "--json").json
        assert document[0]["ok"] is True
        workplace.good("import", "--file", name, "--to", f"{name}.db")
        assert_equal(workplace.database, workplace.folder / f"{name}.db")


def test_restore_without_to_makes_a_new_file_beside_the_source(workplace: Workplace) -> None:
    before = workplace.database.read_bytes()
    workplace.good("backup", "--name", "one")
    document = workplace.good("restore", "--backup", "one", "--json").json
    assert document["target"] == "app-one.db"
    assert_equal(workplace.database, workplace.folder / "app-one.db")
    assert workplace.database.read_bytes() == before
    refused = workplace.run("restore", "--backup", "one")
    assert refused.code != 0
    assert "app-one.db" in refused.err


def test_in_place_restore_takes_a_safety_backup(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "good")
    with closing(sqlite3.connect(workplace.database)) as connection, connection:
        connection.execute("DELETE FROM events")
    document = workplace.good("restore", "--backup", "good", "--in-place", "--json").json
    assert count(workplace.database, "events") > 0
    workplace.good("restore", "--backup", document["safety"], "--to", "before.db")
    assert count(workplace.folder / "before.db", "events") == 0


def test_in_place_restore_in_production_needs_an_approval(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "good")
    before = workplace.database.read_bytes()
    outcome = workplace.run("restore", "--backup", "good", "--in-place", ENVIRONMENT="production")
    assert outcome.code == 4
    assert "--to" in outcome.err
    assert workplace.database.read_bytes() == before


def test_restore_of_selected_tables_includes_their_indexes(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    document = workplace.good("restore", "--backup", "one", "--table", "users", "--to", "users.db", "--json").json
    assert (document["tables"], document["rows"]) == (1, count(workplace.database, "users"))
    workplace.good("restore", "--backup", "one", "--schema-only", "--to", "empty.db")
    assert count(workplace.folder / "empty.db", "events") == 0
    assert workplace.run("restore", "--backup", "one", "--table", "nothing", "--to", "x.db").code == 2


def test_restore_dry_run_shows_the_plan_and_writes_nothing(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    before = sorted(workplace.folder.rglob("*"))
    outcome = workplace.good("restore", "--backup", "latest", "--to", "new.db", "--dry-run")
    assert "one" in outcome.out
    assert "new.db" in outcome.out
    assert sorted(workplace.folder.rglob("*")) == before


def test_restore_at_a_time_uses_newest_backup_before_it(workplace: Workplace) -> None:
    taken = workplace.good("backup", "--name", "one", "--json").json["created_at"]
    assert workplace.good("restore", "--at", taken, "--to", "new.db", "--json").json["id"] == "one"
    early = workplace.run("restore", "--at", "2001-01-01", "--to", "other.db")
    assert early.code == 1
    assert "2001" in early.err


@pytest.mark.parametrize(("ref", "found"), [("latest", "second"), ("latest-verified", "first")])
def test_latest_and_latest_verified_select_the_right_backup(workplace: Workplace, ref: str, found: str) -> None:
    workplace.good("backup", "--name", "first", "--verify")
    workplace.good("backup", "--name", "second")
    assert workplace.good("restore", "--backup", ref, "--to", "new.db", "--json").json["id"] == found


def test_artifact_file_name_is_a_ref(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    ref = "backups/on-demand/app.db/one.sql.gz.enc"
    assert workplace.good("verify", "--backup", ref, "--json").json[0]["ok"] is True


def test_copy_store_holds_the_same_objects(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one", "--copy-to", "copies")
    for name in workplace.stored():
        assert (workplace.folder / "copies" / name).read_bytes() == (workplace.store / name).read_bytes()
    workplace.good("verify", "--all", "--store", "copies")


def test_failed_copy_fails_the_run_and_keeps_the_backup(workplace: Workplace) -> None:
    (workplace.folder / "copies").write_text("a file in the way")
    outcome = workplace.run("backup", "--name", "one", "--copy-to", "copies")
    assert outcome.code == 1
    assert "copies" in outcome.err
    workplace.good("verify", "--backup", "one")


def test_jobs_accept_the_flags_of_their_commands(workplace: Workplace) -> None:
    assert workplace.run("--name", "one", "--json", module="jobs.backup").code == 0
    assert workplace.run("--backup", "one", module="jobs.verify").code == 0
    assert workplace.run("--backup", "one", "--to", "new.db", module="jobs.restore").code == 0
    assert_equal(workplace.database, workplace.folder / "new.db")


def test_cloud_run_output_is_json_events(workplace: Workplace) -> None:
    workplace.good("keygen", "own.key")
    job = {"CLOUD_RUN_JOB": "backup", "BACKUP_KEY": "file:own.key"}
    outcome = workplace.run("--name", "one", module="jobs.backup", **job)
    events = [json.loads(line) for line in outcome.out.splitlines()]
    succeeded = next(event for event in events if event.get("event") == "backup.succeeded")
    assert (succeeded["severity"], succeeded["backup_id"], succeeded["database"]) == ("INFO", "one", "app.db")


def test_backup_does_not_change_the_source_folder(workplace: Workplace) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in workplace.folder.glob("app.db*")}
    workplace.good("backup")
    assert {path.name: path.stat().st_mtime_ns for path in workplace.folder.glob("app.db*")} == before


def test_scratch_folder_is_empty_after_a_run(workplace: Workplace) -> None:
    workplace.good("backup", "--verify")
    workplace.good("restore", "--backup", "latest")
    assert [path for path in (workplace.folder / "tmp").rglob("*") if path.is_file()] == []
    assert list(workplace.folder.glob(".litekeep*")) == []


def test_database_that_cannot_be_dumped_is_stored_as_pages(workplace: Workplace) -> None:
    with closing(apsw.Connection(str(workplace.database))) as connection:
        connection.create_collation("WEIRD", lambda one, two: (one > two) - (one < two))
        connection.execute("CREATE TABLE t(a TEXT COLLATE WEIRD PRIMARY KEY, b) WITHOUT ROWID")
        connection.execute("INSERT INTO t VALUES('x', 1), ('y', 2)")
    refused = workplace.run("backup", "--format", "sql")
    assert refused.code == 1
    assert "'t'" in refused.err
    both = workplace.good("backup", "--json")
    assert [artifact["format"] for artifact in both.json["artifacts"]] == ["sqlite"]
    assert "'t'" in both.err
    workplace.good("backup", "--name", "pages", "--format", "sqlite", "--verify")
    workplace.good("restore", "--backup", "pages", "--to", "new.db", "--verify")
    workplace.good("restore", "--backup", "pages", "--in-place")
