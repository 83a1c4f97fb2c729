"""`litekeep erase`: erased rows are missing from everything restored or exported later."""

import json
import shlex
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests import forker
from tests.cli.conftest import Outcome, Workplace
from tests.cli.test_audit import operations, trail
from tests.operations.erasure.builders import rows, traces
from tests.terminal.terminal import on_terminal

ANA, BEN = "ana.novak@people.example", "ben.okafor@people.example"


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    """A database with two people and their posts, and a backup in both formats."""
    (workplace.folder / "app.db").unlink()
    with closing(apsw.Connection(str(workplace.folder / "app.db"))) as db:
        db.execute("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE COLLATE NOCASE)")
        db.execute("CREATE TABLE posts(id INTEGER PRIMARY KEY, author INTEGER REFERENCES users(id), body TEXT)")
        db.execute("CREATE TABLE newsletter(address TEXT)")
        db.execute("CREATE VIRTUAL TABLE found USING fts5(email, content='users', content_rowid='id')")
        for number, email in enumerate((ANA, BEN), 1):
            db.execute("INSERT INTO users VALUES(?, ?)", (number, email))
            db.execute("INSERT INTO posts(author, body) VALUES(?, ?)", (number, f"written by {email}"))
            db.execute("INSERT INTO newsletter VALUES(?)", (email,))
        db.execute("INSERT INTO found(found) VALUES('rebuild')")
    workplace.good("backup", "--name", "one", "--verify")
    return workplace


def erase(place: Workplace, *more: str, values: str = ANA, **settings: str) -> Outcome:
    arguments = ["erase", "--table", "users", "--column", "email", "--value-from", "-", *more]
    done = forker.run(
        [sys.executable, "-W", "error", "-m", "litekeep", *arguments],
        input=values + "\n",
        cwd=place.folder,
        env=place.environment | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.out if hasattr(done, "out") else done.stdout, done.stderr)


def erased(place: Workplace, *more: str, **settings: str) -> dict[str, object]:
    outcome = erase(place, "--also", "newsletter.address", "--json", *more, **settings)
    assert outcome.code == 0, outcome.err
    return dict(outcome.json)


def test_erasure_is_recorded_and_replayed_on_restore(place: Workplace) -> None:
    shown = erase(place, "--also", "newsletter.address", "--dry-run")
    assert "posts: rows that refer to erased rows (author -> users.id)" in shown.out
    assert "Nothing was written." in shown.out
    assert not (place.store / "erasures").exists()
    recorded = erased(place, "--reason", "request 17")
    assert recorded["still_in_live_database"] == {"users.email": 1, "newsletter.address": 1}
    restored = place.good("restore", "--backup", "one", "--to", "back.db", "--verify", "--json").json
    assert restored["erased"]["deleted"] == {"users": 1, "newsletter": 1, "posts": 1}
    assert rows(place.folder / "back.db", "SELECT email FROM users") == [(BEN,)]
    assert traces(place.folder / "back.db", ANA) == []
    assert traces(place.database, ANA) == ["utf-8"], "the live database is not touched"
    assert place.run("status", "--json").json["erasures"] == {"pending": 1, "backups": 1, "exact": True}
    message = "✅ Erasures: at most 1, replayed on restores of at most 1 backup taken before"
    assert message in place.run("status", BACKUP_KEY="none").out.splitlines()
    report = place.good("erase", "--report", str(recorded["id"]), "--json").json
    assert report["stores"][0]["backups_taken_before"] == 1
    assert report["ledger"]["sha256"] == recorded["sha256"]


def test_erased_values_are_not_in_ledger_log_or_audit_trail(place: Workplace) -> None:
    erased(place)
    place.good("restore", "--backup", "one", "--to", "back.db")
    for path in [*(place.store / "erasures").iterdir(), *place.folder.glob("state/**/*")]:
        assert path.is_dir() or ANA.encode() not in path.read_bytes().lower()
    assert ("erase", "succeeded", None) in operations(place)
    assert ANA not in json.dumps(trail(place)).lower()


@pytest.mark.parametrize("form", ["sql", "sqlite"])
def test_exports_and_restores_replay_the_erasure(place: Workplace, form: str) -> None:
    erased(place)
    for name in (f"out.{form}", "tables.db", "schema.db"):
        what = {"tables.db": ["--table", "users"], "schema.db": ["--schema-only"]}.get(name)
        if what is None:
            place.good("export", "--backup", "one", "--output", name)
        else:
            place.good("restore", "--backup", "one", "--to", name, *what)
        assert ANA.encode() not in (place.folder / name).read_bytes(), name
    assert BEN.encode() in (place.folder / f"out.{form}").read_bytes()
    place.good("import", "--file", f"out.{form}", "--to", "again.db")
    assert traces(place.folder / "again.db", ANA) == []
    in_place = place.good("restore", "--backup", "one", "--in-place", "--json").json
    assert in_place["erased"]["deleted"]["users"] == 1
    assert traces(place.database, ANA) == []


def test_rows_restore_and_diff_replay_the_erasure(place: Workplace) -> None:
    erased(place)
    with closing(apsw.Connection(str(place.database))) as db:
        db.execute("DELETE FROM posts")
        db.execute("DELETE FROM users")
    found = place.good("diff", "one", "--json").json
    counts = {table["name"]: table["rows_removed"] for table in found["tables"] if table["change"] == "changed"}
    assert counts.get("users", 1) == 1
    compared = place.good("diff", "one", LOG_FORMAT="json").err
    assert '"event": "erase.replayed"' in compared
    outcome = place.good("rows", "restore", "--from", "one", "--table", "users", "--to", "app.db", LOG_FORMAT="json")
    assert '"event": "erase.replayed"' in outcome.err
    assert rows(place.database, "SELECT email FROM users") == [(BEN,)]


def test_drill_replays_the_erasure(place: Workplace) -> None:
    erased(place)
    place.good("drill", "--now")
    report = next((place.store / "drills/app.db").glob("*.passed.json")).read_text()
    assert "1 erasure was replayed: 3 rows deleted or changed" in report
    assert ANA not in report


def test_restore_from_the_copy_store_replays_the_erasure(place: Workplace) -> None:
    place.good("copy", "--to", "other")
    erased(place, BACKUP_COPY_STORE="other")
    place.good("restore", "--backup", "one", "--to", "back.db", "--store", "other")
    assert traces(place.folder / "back.db", ANA) == []
    place.good("copy", "--to", "third")
    place.good("restore", "--backup", "one", "--to", "third.db", "--store", "third")
    assert traces(place.folder / "third.db", ANA) == []


def test_missing_or_changed_ledger_entry_stops_restores_and_exports(place: Workplace) -> None:
    place.good("copy", "--to", "other")
    erased(place, BACKUP_COPY_STORE="other")
    erased(place, BACKUP_COPY_STORE="other")
    first, second = place.store / "erasures/1.json", place.store / "erasures/2.json"
    one, two = first.read_bytes(), second.read_bytes()

    def stopped(message: str, **settings: str) -> None:
        for command in (
            ["restore", "--backup", "one", "--to", "x.db"],
            ["export", "--backup", "one", "--output", "x.sql"],
        ):
            outcome = place.run(*command, **settings)
            assert (outcome.code, message in outcome.err) == (1, True), outcome.err
            assert not (place.folder / "x.db").exists()
            assert not (place.folder / "x.sql").exists()

    first.unlink()
    stopped("erasures/1.json of backups is missing")
    first.write_bytes(two)
    stopped("is not authentic")
    first.write_bytes(one.replace(b'"sealed": "', b'"sealed": "AAAA'))
    stopped("is not authentic")
    first.write_bytes(one)
    second.unlink()
    place.good(
        "restore", "--backup", "one", "--to", "blind.db"
    )  # nothing in this store shows that there was a second one
    stopped("as if the newest had been removed", BACKUP_COPY_STORE="other")
    second.write_bytes(two)
    (place.store / "erasures/key-1.json").unlink()
    stopped("erasures/key-1.json of backups is missing")


def test_restore_needs_the_key_of_the_ledger(place: Workplace) -> None:
    erased(place)
    place.good("backup", "--name", "plain", BACKUP_KEY="none")
    outcome = place.run("restore", "--backup", "plain", "--to", "x.db", BACKUP_KEY="none")
    assert (outcome.code, "the erasures of backups are under" in outcome.err) == (1, True)


def test_rekey_also_rewraps_the_ledger_key(place: Workplace) -> None:
    erased(place)
    place.good("keygen", "new.key")
    place.good("rekey", "--to", "file:new.key")
    (place.folder / "litekeep.key").unlink()
    place.good("restore", "--backup", "one", "--to", "back.db", BACKUP_KEY="file:new.key")
    assert traces(place.folder / "back.db", ANA) == []
    assert len(place.good("keys", "--json", BACKUP_KEY="file:new.key").json["stores"][0]["erasures"]) == 2


def test_erased_table_missing_from_backup_needs_absent_flag(place: Workplace) -> None:
    with closing(apsw.Connection(str(place.database))) as db:
        db.execute("CREATE TABLE later(mail TEXT)")
        db.execute("INSERT INTO later VALUES(?)", (ANA,))
    assert erase(place, "--also", "later.mail").code == 0
    stopped = place.run("restore", "--backup", "one", "--to", "back.db")
    assert (stopped.code, "add --absent later" in stopped.err) == (1, True), stopped.err
    done = place.good("restore", "--backup", "one", "--to", "back.db", "--absent", "later", "--json").json
    assert done["erased"]["passed_over"] == ["later"]


def test_without_erasures_is_refused_in_production_and_under_a_policy(place: Workplace) -> None:
    erased(place)
    command = ["restore", "--backup", "one", "--to", "x.db", "--without-erasures"]
    assert place.run(*command, ENVIRONMENT="production").code == 4
    policy = {"environment": "test", "stores": [str(place.store)], "keys": ["file:litekeep.key"], "sources": ["*"]}
    (place.folder / "policy.json").write_text(json.dumps(policy | {"targets": ["*"]}))
    (place.folder / "policy.json").chmod(0o600)
    refused = place.run(*command, BACKUP_KEY="file:litekeep.key", BACKUP_POLICY="policy.json")
    assert (refused.code, "two persons" in refused.err) == (4, True)
    place.good(*command)
    assert traces(place.folder / "x.db", ANA) == ["utf-8"]


@pytest.mark.parametrize(
    ("arguments", "values", "message"),
    [
        (["--table", "nope", "--column", "x", "--value-from", "-"], "1", "is no table of the database"),
        (["--table", "users", "--column", "nope", "--value-from", "-"], "1", "is no column of users"),
        (["--table", "found", "--column", "email", "--value-from", "-"], "1", "is a virtual table"),
        (["--table", "users", "--column", "id", "--value-from", "-"], "", "stdin has no value"),
        (["--table", "users", "--column", "id", "--value-from", "42"], "1", "values are read from stdin"),
        (["--table", "users", "--column", "id"], "1", "--value-from - is missing"),
        (["--column", "id", "--value-from", "-"], "1", "--table and --column are missing"),
        (["--table", "users", "--column", "id", "--value-from", "-", "--also", "x"], "1", "is no TABLE.COLUMN"),
    ],
)
def test_wrong_usage_of_erase_is_one_line_and_records_nothing(
    place: Workplace, arguments: list[str], values: str, message: str
) -> None:
    done = forker.run(
        [sys.executable, "-W", "error", "-m", "litekeep", "erase", *arguments],
        input=values,
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (Path(place.store) / "erasures").exists()


def test_erase_on_a_terminal_says_on_stderr_what_to_type(place: Workplace) -> None:
    command = [sys.executable, "-m", "litekeep", "erase", "--table", "users", "--column", "email", "--value-from", "-"]
    asked = "Type the values of users.email, one per line; then Ctrl-D on a line of its own:"
    shown = on_terminal(
        ["bash", "-c", f"{shlex.join(command)} --dry-run --json > out.json"],
        place.folder,
        place.environment,
        answers=[(asked, lambda _: f"{ANA}\n\x04")],
    )
    assert (shown.code, shown.lines) == (0, [asked, ANA])
    assert json.loads((place.folder / "out.json").read_text())["values"] == 1
    assert erase(place, "--dry-run").err == "", "from a pipe nothing is asked"


def test_closed_stdin_is_an_empty_one(place: Workplace) -> None:
    command = "-m litekeep erase --table users --column email --value-from - <&-"
    done = forker.run(
        ["bash", "-c", f"{sys.executable} {command}"],
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.startswith("error: stdin has no value")) == (2, True), done.stderr


# Rewriting


def test_rewrite_removes_erased_rows_and_old_backups(place: Workplace) -> None:
    place.good("copy", "--to", "other")
    before = place.good("list", "--json").json[0]
    erased(place, BACKUP_COPY_STORE="other")
    dry = place.good("erase", "--rewrite", "--dry-run", "--json", BACKUP_COPY_STORE="other").json
    assert dry["made"] == {"one": "one-erased-1"}
    assert [item["id"] for item in place.good("list", "--json").json] == ["one"]
    done = place.good("erase", "--rewrite", "--json", BACKUP_COPY_STORE="other").json
    assert place.run("status", "--json").json["erasures"] is None
    assert (done["removed"], done["failed"]) == (["one"], {})
    for store in ("backups", "other"):
        items = place.good("list", "--store", store, "--json").json
        assert [(item["id"], item["created_at"], item["keep_until"], item["kind"]) for item in items] == [
            ("one-erased-1", before["created_at"], before["keep_until"], before["kind"])
        ]
    assert place.good("erase", "--rewrite", "--json").json["made"] == {}
    restored = place.good("restore", "--backup", "one-erased-1", "--to", "back.db", "--verify", "--json").json
    assert restored["erased"] is None, "there is nothing left to replay"
    assert traces(place.folder / "back.db", ANA) == []
    assert rows(place.folder / "back.db", "SELECT email FROM users") == [(BEN,)]
    manifest = json.loads((place.store / "on-demand/app.db/one-erased-1.manifest.json").read_bytes())
    assert (manifest["rewritten_from"], manifest["erased_through"]) == ("one", 1)


def test_rewrite_keeps_held_backups_and_those_in_production(place: Workplace) -> None:
    erased(place)
    place.good("hold", "one", "--reason", "evidence")
    held = place.good("erase", "--rewrite", "--json").json
    assert (held["made"], held["removed"]) == ({"one": "one-erased-1"}, [])
    assert "it is held: evidence" in held["kept"]["one"]
    place.good("release", "one")
    kept = place.good("erase", "--rewrite", "--json", ENVIRONMENT="production").json
    assert "litekeep delete one --reason R" in kept["kept"]["one"]
    assert place.good("erase", "--rewrite", "--json").json["removed"] == ["one"]


def test_report_counts_only_backups_that_still_hold_the_rows(place: Workplace) -> None:
    recorded = erased(place)
    place.good("erase", "--rewrite")
    report = place.good("erase", "--report", str(recorded["id"]), "--json").json
    assert report["stores"][0]["backups_taken_before"] == 0


def test_second_rewrite_replaces_the_suffix_of_the_name(place: Workplace) -> None:
    erased(place)
    place.good("erase", "--rewrite")
    assert erase(place, "--also", "newsletter.address", values=BEN).code == 0
    assert place.good("erase", "--rewrite", "--json").json["made"] == {"one-erased-1": "one-erased-2"}
    place.good("restore", "--backup", "one-erased-2", "--to", "back.db")
    assert rows(place.folder / "back.db", "SELECT count(*) FROM users") == [(0,)]


def test_rewrite_keeps_old_backup_if_new_name_is_taken(place: Workplace) -> None:
    erased(place)
    with closing(apsw.Connection(str(place.folder / "other.db"))) as db:
        db.execute("CREATE TABLE users(id)")
    (place.folder / "x").mkdir()
    (place.folder / "other.db").rename(place.folder / "x/app.db")
    place.good("backup", "--name", "one-erased-1", "--kind", "on-demand", DATABASE_URL="x/app.db")
    outcome = place.run("erase", "--rewrite", "--json")
    assert (outcome.code, outcome.json["removed"]) == (1, [])
    assert "differs from the rewritten backup" in outcome.json["failed"]["one"]
    assert "one" in [item["id"] for item in place.good("list", "--json").json]
