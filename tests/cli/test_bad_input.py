"""Wrong input gives the documented exit code and one error line, and changes nothing."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Workplace

OneLine = Callable[[Outcome, int], str]


def damage(path: Path, page: int = 3) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKUP_STORE", "s3://bucket"),
        ("BACKUP_COPY_STORE", "gs://"),
        ("BACKUP_KEY", "hunter2-hunter2"),
        ("BACKUP_FORMATS", "tar"),
        ("BACKUP_RETENTION", "daily=never"),
        ("ENVIRONMENT", "prod"),
        ("LOG_FORMAT", "xml"),
        ("DATABASE_URL", "postgres://user:hunter2@host/db"),
        ("DATABASE_URL", "file:app.db?mode=hunter2"),
        ("DATABASE_URL", " "),
    ],
)
def test_wrong_setting_exits_2_and_changes_nothing(
    workplace: Workplace, one_line: OneLine, name: str, value: str
) -> None:
    before = sorted(workplace.folder.rglob("*"))
    line = one_line(workplace.run("backup", **{name: value}), 2)
    assert "hunter2" not in line
    if name != "DATABASE_URL":
        assert name in line
    assert sorted(path for path in workplace.folder.rglob("*") if path.name != "litekeep.key") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["backup", "--name", "../escape"],
        ["backup", "--name", "x" * 129],
        ["backup", "--name", ""],
        ["backup", "--kind", "hourly"],
        ["backup", "--format", "tar"],
        ["backup", "--bucket", "b"],
        ["backup", "--upload-gcs"],
        ["backup", "--copy-to", "s3://x"],
        ["backup", "--no-such-flag"],
        ["restore"],
        ["restore", "--backup", "nothing"],
        ["restore", "--backup", "latest", "--at", "yesterday"],
        ["restore", "--backup", "x", "--to", "y.db", "--in-place"],
        ["restore", "--backup", "x", "--in-place", "--table", "t"],
        ["verify", "--all", "--since", "24h"],
        ["verify", "--since", "soon"],
        ["verify", "--backup", "nothing"],
        ["verify", "--file", "missing.sql"],
        ["import", "--file", "missing.sql"],
        ["export", "--backup", "latest", "--output", "x.tar"],
        ["export", "--backup", "latest", "--output", "app.db"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_2_with_one_line(workplace: Workplace, one_line: OneLine, arguments: list[str]) -> None:
    one_line(workplace.run(*arguments), 2)


def test_missing_database_url_is_named_in_the_error(workplace: Workplace, one_line: OneLine) -> None:
    assert "DATABASE_URL" in one_line(workplace.run("backup", DATABASE_URL=""), 2)


def _missing(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text("not a database at all, but long enough to have a header\n" * 50)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8192])


@pytest.mark.parametrize(
    ("ruin", "code"), [(_missing, 1), (_folder, 1), (_text, 3), (_empty, 3), (_truncated, 3), (damage, 3)]
)
def test_unreadable_or_damaged_source_makes_no_backup(
    workplace: Workplace, one_line: OneLine, ruin: Callable[[Path], None], code: int
) -> None:
    ruin(workplace.database)
    line = one_line(workplace.run("backup"), code)
    assert "app.db" in line
    assert workplace.stored() == []


def test_damaged_database_error_names_failed_check(workplace: Workplace, one_line: OneLine) -> None:
    damage(workplace.database, page=40)
    line = one_line(workplace.run("backup"), 3)
    assert "integrity_check" in line
    assert "--allow-corrupt" in line


def test_allow_corrupt_backs_up_pages_marked_not_good(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "before")
    damage(workplace.database, page=40)
    document = workplace.good("backup", "--allow-corrupt", "--name", "broken", "--json").json
    assert document["integrity"]["good"] is False
    assert [artifact["format"] for artifact in document["artifacts"]] == ["sqlite"]
    assert workplace.run("verify", "--backup", "broken").code == 3
    # `latest` never selects it.
    assert workplace.good("restore", "--backup", "latest", "--to", "x.db", "--json").json["id"] == "before"
    workplace.good("restore", "--backup", "broken", "--to", "pages.db")
    assert (workplace.folder / "pages.db").read_bytes()[40 * 4096 :] == workplace.database.read_bytes()[40 * 4096 :]


@pytest.mark.parametrize("page", [5, 40])
def test_in_place_restore_keeps_damaged_pages_in_safety_backup(workplace: Workplace, page: int) -> None:
    workplace.good("backup", "--name", "before")
    damage(workplace.database, page=page)
    broken = workplace.database.read_bytes()
    document = workplace.good("restore", "--backup", "before", "--in-place", "--verify", "--json").json
    assert "No difference" in workplace.good("diff", "before").out
    workplace.good("restore", "--backup", document["safety"], "--to", "pages.db")
    assert (workplace.folder / "pages.db").read_bytes()[4096:] == broken[4096:]
    assert workplace.good("restore", "--backup", "latest", "--to", "x.db", "--json").json["id"] == "before"


def test_locked_database_is_reported_as_locked(workplace: Workplace, one_line: OneLine) -> None:
    with closing(sqlite3.connect(workplace.database, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        line = one_line(workplace.run("backup"), 1)
    assert "lock" in line
    assert workplace.stored() == []


@pytest.mark.parametrize("store", ["file-in-the-way", "/proc/litekeep-store", "file-in-the-way/below"])
def test_unwritable_store_is_one_error_line(workplace: Workplace, one_line: OneLine, store: str) -> None:
    (workplace.folder / "file-in-the-way").write_text("")
    line = one_line(workplace.run("backup", "--store", store), 1)
    assert store.split("/", maxsplit=1)[0] in line or store in line


def test_existing_backup_name_is_refused_and_kept(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    before = {name: (workplace.store / name).read_bytes() for name in workplace.stored()}
    assert "taken" in one_line(workplace.run("backup", "--name", "one"), 1)
    assert "taken" in one_line(workplace.run("backup", "--name", "one", "--kind", "daily"), 1)
    assert {name: (workplace.store / name).read_bytes() for name in workplace.stored()} == before


def test_missing_configured_key_is_not_created(workplace: Workplace, one_line: OneLine) -> None:
    line = one_line(workplace.run("backup", BACKUP_KEY="file:other.key"), 1)
    assert "other.key" in line
    assert not (workplace.folder / "other.key").exists()
    assert workplace.stored() == []


def test_wrong_key_restores_nothing(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    workplace.good("keygen", "other.key")
    for arguments in (
        ("restore", "--backup", "one", "--to", "x.db"),
        ("export", "--backup", "one", "--output", "x.sql"),
    ):
        line = one_line(workplace.run(*arguments, BACKUP_KEY="file:other.key"), 1)
        assert "key" in line
    assert not (workplace.folder / "x.db").exists()
    assert not (workplace.folder / "x.sql").exists()


def test_keygen_never_overwrites_a_key_file(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("keygen", "a.key")
    before = (workplace.folder / "a.key").read_bytes()
    assert "a.key" in one_line(workplace.run("keygen", "a.key"), 2)
    assert (workplace.folder / "a.key").read_bytes() == before
    assert (workplace.folder / "a.key").stat().st_mode & 0o777 == 0o600


def test_default_key_is_created_once_with_a_warning(workplace: Workplace) -> None:
    assert "NEW KEY" in workplace.good("backup").err
    assert "NEW KEY" not in workplace.good("backup").err


def test_restore_never_creates_a_key(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    (workplace.folder / "litekeep.key").unlink()
    assert "key" in one_line(workplace.run("restore", "--backup", "one", "--to", "x.db"), 1)
    assert not (workplace.folder / "litekeep.key").exists()


def test_unencrypted_backup_is_refused_if_a_key_is_set(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "plain", BACKUP_KEY="none")
    workplace.good("keygen", "litekeep.key")
    assert "none" in one_line(workplace.run("restore", "--backup", "plain", "--to", "x.db"), 3)
    workplace.good("restore", "--backup", "plain", "--to", "x.db", BACKUP_KEY="none")


def test_restore_refuses_existing_target(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    before = workplace.database.read_bytes()
    exists = "app.db: the file exists; use another"
    for command, doing, instead in (
        ("restore --backup one --to app.db", "restore one to", "--to, or --in-place"),
        ("import --file app.db --to app.db", "import app.db to", "--to"),
    ):
        line = one_line(workplace.run(*command.split()), 2)
        assert line == f"error: cannot {doing} {exists} {instead}"
    (workplace.folder / "x.sql").touch()
    line = one_line(workplace.run("export", "--backup", "one", "--output", "x.sql"), 2)
    assert line == "error: cannot write --output x.sql: the file exists; use another name"
    assert workplace.database.read_bytes() == before


def test_restore_refuses_target_with_stale_wal(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    (workplace.folder / "new.db-wal").write_bytes(b"old")
    assert "new.db-wal" in one_line(workplace.run("restore", "--backup", "one", "--to", "new.db"), 2)


def test_in_place_restore_refuses_database_in_use(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    with closing(sqlite3.connect(workplace.database)) as holder:
        holder.execute("SELECT count(*) FROM users").fetchone()
        before = workplace.database.read_bytes()
        one_line(workplace.run("restore", "--backup", "one", "--in-place"), 1)
    assert workplace.database.read_bytes() == before


def test_restore_uses_dump_if_page_image_is_damaged(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    image = workplace.store / "on-demand/app.db/one.sqlite.zst.enc"
    content = bytearray(image.read_bytes())
    content[len(content) // 2] ^= 1
    image.write_bytes(content)
    assert workplace.run("verify", "--backup", "one").code == 3
    document = workplace.good("restore", "--backup", "one", "--to", "new.db", "--json").json
    assert document["artifact"].endswith(".sql.gz.enc")
    assert len(document["notes"]) == 1


def test_nothing_is_restored_if_both_artifacts_are_damaged(workplace: Workplace, one_line: OneLine) -> None:
    workplace.good("backup", "--name", "one")
    for path in (workplace.store / "on-demand/app.db").glob("one.s*"):
        path.write_bytes(path.read_bytes()[:-100])
    one_line(workplace.run("restore", "--backup", "one", "--to", "new.db"), 3)
    assert not (workplace.folder / "new.db").exists()


def test_any_changed_byte_of_a_manifest_is_refused(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one", "--format", "sql")
    manifest = workplace.store / "on-demand/app.db/one.manifest.json"
    content = manifest.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 7)):
        changed = bytearray(content)
        changed[place] ^= 1
        manifest.write_bytes(changed)
        assert workplace.run("restore", "--backup", "one", "--to", "new.db").code == 3
    assert not (workplace.folder / "new.db").exists()


def test_backup_copied_under_another_id_is_refused(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    folder = workplace.store / "on-demand/app.db"
    for path in list(folder.iterdir()):
        (folder / path.name.replace("one.", "two.")).write_bytes(path.read_bytes())
    assert workplace.run("restore", "--backup", "two", "--to", "new.db").code == 3


def test_backup_with_damaged_manifest_is_never_latest_and_is_listed(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "old", "--verify")
    workplace.good("backup", "--name", "new")
    (workplace.store / "on-demand/app.db/new.manifest.json").write_text("{")
    done = workplace.good("restore", "--backup", "latest", "--to", "x.db", "--json").json
    assert done["id"] == "old"
    assert any("new" in note for note in done["notes"])
    listed = workplace.good("list", "--json").json
    assert {item["id"]: item["good"] for item in listed} == {"new": False, "old": True}


@pytest.mark.parametrize("content", [b"", b"CREATE TABLE t(a", b"ATTACH 'x.db' AS x;", b"\x1f\x8b\x08\x00broken"])
def test_invalid_file_is_not_imported(workplace: Workplace, one_line: OneLine, content: bytes) -> None:
    (workplace.folder / "bad.sql").write_bytes(content)
    outcome = workplace.run("import", "--file", "bad.sql", "--to", "new.db")
    if content:
        one_line(outcome, 3)
        assert not (workplace.folder / "new.db").exists()
    assert not (workplace.folder / "x.db").exists()


def test_json_flag_makes_errors_json(workplace: Workplace) -> None:
    outcome = workplace.run("restore", "--backup", "nothing", "--json")
    assert outcome.code == 2
    assert outcome.json["exit_code"] == 2
    assert "nothing" in outcome.json["error"]
