"""Untrusted content of stores, streams and file names is never trusted and does not break other backups."""

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Outcome, Workplace

OneLine = Callable[[Outcome, int], str]
PLACE = "on-demand/app.db"


@pytest.fixture
def backed_up(workplace: Workplace) -> Workplace:
    workplace.good("backup", "--name", "one", "--verify")
    return workplace


@pytest.mark.parametrize("verdict", [b"[" * 100_000, b"\xff", b"{}", b"null"])
def test_unreadable_verdict_is_not_good_and_does_not_break_list(backed_up: Workplace, verdict: bytes) -> None:
    newest = f"one.verified-{datetime.now(UTC) + timedelta(minutes=1):%Y%m%dT%H%M%SZ}.json"
    (backed_up.store / PLACE / newest).write_bytes(verdict)
    assert backed_up.good("list", "--json").json[0]["verified"] is False
    backed_up.good("list")


def test_oversized_verdict_does_not_break_list(backed_up: Workplace) -> None:
    newest = f"one.verified-{datetime.now(UTC) + timedelta(minutes=1):%Y%m%dT%H%M%SZ}.json"
    with (backed_up.store / PLACE / newest).open("wb") as file:
        file.truncate(65 << 20)
    assert backed_up.good("list", "--json").json[0]["verified"] is False


def test_verdict_dated_in_the_future_is_ignored(backed_up: Workplace) -> None:
    (backed_up.store / PLACE / "one.verified-29990101T000000Z.json").write_text('{"ok": true, "level": "restore"}')
    for artifact in (backed_up.store / PLACE).glob("one.s*"):
        content = bytearray(artifact.read_bytes())
        content[100] ^= 1
        artifact.write_bytes(content)
    assert backed_up.run("verify", "--backup", "one").code == 3
    assert backed_up.good("list", "--json").json[0]["verified"] is False
    assert backed_up.run("restore", "--backup", "latest-verified", "--to", "x.db").code == 3


def test_backup_dated_in_the_future_is_never_latest(backed_up: Workplace) -> None:
    folder = backed_up.store / PLACE
    manifest = folder / "one.manifest.json"
    forged = re.sub(r'"created_at": "[^"]*"', '"created_at": "2999-01-01T00:00:00Z"', manifest.read_text())
    (folder / "two.manifest.json").write_text(forged.replace('"one', '"two').replace("/one.", "/two."))
    for artifact in folder.glob("one.s*"):
        (folder / artifact.name.replace("one", "two", 1)).write_bytes(artifact.read_bytes())
    assert backed_up.good("restore", "--backup", "latest", "--to", "x.db", "--json").json["id"] == "one"
    listed = {item["id"]: item["good"] for item in backed_up.good("list", "--json").json}
    assert listed == {"one": True, "two": False}


@pytest.mark.parametrize(
    ("found", "put"),
    [
        (rb'"created_at": "[^"]*"', b'"created_at": "0001-01-01T00:00:00+14:00"'),
        (rb'"size_bytes": \d+', b'"size_bytes": ' + b"9" * 400),
        (rb'"rows": \d+', b'"rows": -1'),
        (rb'"format": 1,', b'"format": "2",'),
    ],
)
def test_manifest_with_invalid_values_is_listed_as_damaged(backed_up: Workplace, found: bytes, put: bytes) -> None:
    manifest = backed_up.store / PLACE / "one.manifest.json"
    manifest.write_bytes(re.sub(found, put, manifest.read_bytes()))
    assert backed_up.good("list", "--json").json[0]["damaged"]
    assert "one" in backed_up.good("list").out


@pytest.mark.parametrize(("missing", "used"), [("sqlite.zst.enc", ".sql.gz.enc"), ("sql.gz.enc", ".sqlite.zst.enc")])
def test_restore_uses_other_artifact_if_one_is_missing(backed_up: Workplace, missing: str, used: str) -> None:
    (backed_up.store / PLACE / f"one.{missing}").unlink()
    outcome = backed_up.run("verify", "--backup", "one", "--json")
    assert (outcome.code, outcome.json[0]["ok"]) == (3, False)
    assert backed_up.good("list", "--json").json[0]["verified"] is False
    assert backed_up.good("restore", "--backup", "one", "--to", "new.db", "--json").json["artifact"].endswith(used)
    for output in ("new.sql", "new.sqlite"):
        backed_up.good("export", "--backup", "one", "--output", output)


def test_nothing_is_restored_without_artifacts(backed_up: Workplace, one_line: OneLine) -> None:
    for artifact in (backed_up.store / PLACE).glob("one.s*"):
        artifact.unlink()
    one_line(backed_up.run("restore", "--backup", "one", "--to", "new.db"), 3)
    one_line(backed_up.run("export", "--backup", "one", "--output", "new.sql"), 3)
    assert not list(backed_up.folder.glob("new*"))


def test_restore_uses_other_artifact_if_one_is_unreadable(backed_up: Workplace) -> None:
    image = backed_up.store / PLACE / "one.sqlite.zst.enc"
    image.unlink()
    os.mkfifo(image)
    document = backed_up.good("restore", "--backup", "one", "--to", "new.db", "--json").json
    assert "not a plain file" in document["notes"][0]


def test_verdict_is_printed_even_if_it_cannot_be_stored(backed_up: Workplace) -> None:
    staging = backed_up.store / ".staging"
    staging.rmdir()
    staging.write_text("in the way")
    outcome = backed_up.run("verify", "--backup", "one", "--json")
    assert outcome.code == 1
    document = json.JSONDecoder().raw_decode(outcome.out)[0]
    assert document[0]["ok"] is True
    assert document[0]["unrecorded"]


def test_backup_of_damaged_database_is_never_verified(workplace: Workplace, one_line: OneLine) -> None:
    with workplace.database.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xa5" * 4096)
    workplace.good("backup", "--allow-corrupt", "--name", "bad")
    document = workplace.good("restore", "--backup", "bad", "--to", "new.db", "--json").json
    assert document["verified"] is False
    assert "damaged" in document["notes"][0]
    one_line(workplace.run("restore", "--backup", "bad", "--to", "proven.db", "--verify"), 3)
    assert not (workplace.folder / "proven.db").exists()
    assert "damaged" in workplace.good("export", "--backup", "bad", "--output", "bad.sqlite").out


def test_file_with_a_wal_is_refused_by_import_and_verify(workplace: Workplace, one_line: OneLine) -> None:
    live = workplace.folder / "live.sqlite"
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        assert "live.sqlite-wal" in one_line(workplace.run("import", "--file", "live.sqlite", "--to", "new.db"), 2)
        assert "live.sqlite-wal" in one_line(workplace.run("verify", "--file", "live.sqlite"), 2)
    workplace.good("import", "--file", "live.sqlite", "--to", "new.db")


def test_object_path_as_ref_selects_its_own_database(workplace: Workplace, one_line: OneLine) -> None:
    (workplace.folder / "other.db").write_bytes(workplace.database.read_bytes())
    workplace.good("backup", "--name", "one", DATABASE_URL="other.db")
    one_line(workplace.run("restore", "--backup", f"{PLACE}/one.sql.gz.enc", "--to", "new.db"), 2)
    workplace.good("backup", "--name", "one")
    for database in ("app.db", "other.db"):
        ref = f"backups/on-demand/{database}/one.sql.gz.enc"
        done = workplace.good("restore", "--backup", ref, "--to", f"new-{database}", "--json").json
        assert done["artifact"].startswith(f"on-demand/{database}/")


def test_in_place_restore_of_another_database_needs_database_flag(workplace: Workplace, one_line: OneLine) -> None:
    other = workplace.folder / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE precious (a)")
    workplace.good("backup", "--name", "one")
    before = other.read_bytes()
    line = one_line(workplace.run("restore", "--backup", "one", "--in-place", DATABASE_URL="other.db"), 2)
    assert "--database app.db" in line
    assert other.read_bytes() == before
    workplace.good("restore", "--backup", "one", "--in-place", "--database", "app.db", DATABASE_URL="other.db")


def test_restored_and_exported_files_have_mode_0600(backed_up: Workplace) -> None:
    before = os.umask(0)
    try:
        for format_ in ("sql", "sqlite"):
            backed_up.good("backup", "--name", format_, "--format", format_)
            backed_up.good("restore", "--backup", format_, "--to", f"{format_}.db")
            backed_up.good("export", "--backup", format_, "--output", f"out.{format_}")
        backed_up.good("import", "--file", "out.sqlite", "--to", "imported.db")
    finally:
        os.umask(before)
    for name in ("sql.db", "sqlite.db", "out.sql", "out.sqlite", "imported.db"):
        assert stat.S_IMODE((backed_up.folder / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("flag", ["--kind", "--no-such-flag", "extra"])
def test_url_in_a_wrong_argument_is_not_repeated(workplace: Workplace, one_line: OneLine, flag: str) -> None:
    url = "sqlitecloud://admin:hunter2@host:8860/app.db?apikey=hunter2"
    assert "hunter2" not in one_line(workplace.run("backup", flag, url), 2)


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["restore", "--at", "0001-01-01T00:00:00+14:00"], {}),
        (["verify", "--since", "999999w"], {}),
        (["backup", "--name", "latest"], {}),
        (["backup", "--name", "latest-verified"], {}),
        (["backup"], {"BACKUP_RETENTION": "on-demand=999999y"}),
        (["backup"], {"DATABASE_URL": os.fsdecode(b"bad\xff.db")}),
        (["list"], {"BACKUP_STORE": "~no-such-user/x"}),
    ],
)
def test_out_of_range_times_and_names_exit_2(
    workplace: Workplace, one_line: OneLine, arguments: list[str], settings: dict[str, str]
) -> None:
    (workplace.folder / os.fsdecode(b"bad\xff.db")).write_bytes(workplace.database.read_bytes())
    one_line(workplace.run(*arguments, **settings), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--backup", ""],
        ["verify", "--since", ""],
        ["restore", "--backup", "one", "--to", ""],
        ["list", "--store", ""],
    ],
)
def test_empty_flag_value_exits_2(backed_up: Workplace, one_line: OneLine, arguments: list[str]) -> None:
    assert "is empty" in one_line(backed_up.run(*arguments), 2)


def test_error_escapes_control_characters(backed_up: Workplace) -> None:
    manifest = backed_up.store / PLACE / "one.manifest.json"
    manifest.write_bytes(re.sub(rb'"key": "[^"]*"', rb'"key": "file:\\u001b[31mred"', manifest.read_bytes()))
    outcome = backed_up.run("export", "--backup", "one", "--output", "new.sql")
    assert outcome.code == 1
    assert "\x1b" not in outcome.err


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["verify", "--backup", "one"]])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_works_on_terminals_without_utf8(backed_up: Workplace, arguments: list[str], encoding: str) -> None:
    backed_up.good(*arguments, PYTHONIOENCODING=encoding)


@pytest.mark.parametrize("arguments", ["list", "list --json", "list --no-such-flag --json"])
def test_full_or_closed_stdout_causes_no_traceback(backed_up: Workplace, arguments: str) -> None:
    for target, code in ((">/dev/full", 1), (">&-", 0)):
        done = subprocess.run(
            ["bash", "-c", f"exec {sys.executable} -m litekeep {arguments} {target}"],
            cwd=backed_up.folder,
            env=backed_up.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (2 if "no-such" in arguments else code)
        assert len(done.stderr.splitlines()) <= 1, done.stderr
        assert "defect" not in done.stderr


def test_in_place_restore_refuses_backup_of_file_with_same_name(workplace: Workplace) -> None:
    twin = workplace.folder / "other" / "app.db"
    twin.parent.mkdir()
    twin.write_bytes(workplace.database.read_bytes())
    workplace.good("backup", "--name", "twins", DATABASE_URL="other/app.db")
    refused = workplace.run("restore", "--backup", "latest", "--in-place")
    assert refused.code == 2
    assert "other/app.db" in refused.err
    workplace.good("restore", "--backup", "latest", "--in-place", "--database", "app.db")


def test_safety_backup_is_never_latest(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    for _ in range(2):
        done = workplace.good("restore", "--backup", "latest", "--in-place", "--json").json
        assert done["id"] == "one"
    assert "before-restore-…: safety backups; latest, latest-verified and --at skip them" in workplace.good("list").out


def test_unusable_tmpdir_is_refused(workplace: Workplace) -> None:
    outcome = workplace.run("backup", TMPDIR=str(workplace.folder / "missing"))
    assert outcome.code == 1
    assert "TMPDIR" in outcome.err


def spoil(workplace: Workplace, backup_id: str) -> None:
    """Changes a byte in each artifact, without changing its size, so that a listing does not show it."""
    for artifact in (workplace.store / PLACE).glob(f"{backup_id}.s*"):
        content = bytearray(artifact.read_bytes())
        content[len(content) // 2] ^= 1
        artifact.write_bytes(content)


def test_restore_of_damaged_latest_names_newest_good_backup(backed_up: Workplace) -> None:
    for name in ("x-two", "y-three"):  # within one second, backups are ordered by name
        backed_up.good("backup", "--name", name)
    spoil(backed_up, "x-two")
    spoil(backed_up, "y-three")
    outcome = backed_up.run("restore", "--backup", "latest", "--to", "x.db")
    assert outcome.code == 3
    assert "the newest good one is one" in outcome.err
    done = backed_up.good("restore", "--backup", "latest", "--to", "x.db", "--or-older", "--json").json
    assert done["id"] == "one"
    assert any("y-three is not good" in note for note in done["notes"])


def test_copied_manifest_is_never_latest(backed_up: Workplace) -> None:
    folder = backed_up.store / PLACE
    (folder / "zzz.manifest.json").write_bytes((folder / "one.manifest.json").read_bytes())
    (folder / "zzz.verified-20240115T000000Z.json").write_text('{"ok": true, "level": "restore"}')
    assert backed_up.good("restore", "--backup", "latest-verified", "--to", "x.db", "--json").json["id"] == "one"
    assert {item["id"]: item["good"] for item in backed_up.good("list", "--json").json} == {"one": True, "zzz": False}
    status = backed_up.run("status", "--json")
    assert (status.code, status.json["status"]) == (1, "failing")
    assert "belongs to" in status.json["alerts"][0]["message"]


def test_latest_without_good_backup_exits_3(backed_up: Workplace, one_line: OneLine) -> None:
    (backed_up.store / PLACE / "one.sqlite.zst.enc").unlink()
    for ref in ("latest", "latest-verified"):
        message = one_line(backed_up.run("restore", "--backup", ref, "--to", "x.db"), 3)
        assert f"no {'verified' if 'v' in ref else 'good'} backup of app.db" in message
        assert "one.sqlite.zst.enc is missing" in message


@pytest.mark.parametrize("ref", ["latest", "latest-verified"])
def test_use_of_latest_names_newer_damaged_backup(backed_up: Workplace, ref: str) -> None:
    backed_up.good("backup", "--name", "two", "--verify")
    (backed_up.store / PLACE / "two.sql.gz.enc").unlink()
    why = "passed over: its artifact on-demand/app.db/two.sql.gz.enc is missing"
    assert why in backed_up.good("verify", "--backup", ref).out
    (verdict,) = backed_up.good("verify", "--backup", ref, "--json").json
    assert (verdict["id"], len(verdict["passed_over"])) == ("one", 1)
    assert why in backed_up.good("restore", "--backup", ref, "--to", "x.db").out
    assert why in backed_up.good("export", "--backup", ref, "--output", "x.sql").out


def test_dry_run_fails_if_artifacts_are_missing(backed_up: Workplace) -> None:
    for artifact in (backed_up.store / PLACE).glob("one.s*"):
        artifact.write_bytes(b"")
    outcome = backed_up.run("restore", "--backup", "one", "--to", "x.db", "--dry-run")
    assert outcome.code == 3
    assert "none of its artifacts is in the store as recorded" in outcome.err
