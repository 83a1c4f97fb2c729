"""`rekey`, `keys` and `keys sheet`: a key is replaced, and a printed sheet is enough to restore."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared.events.log import Event
from tests import forker
from tests.cli.conftest import Workplace
from tests.cli.test_audit import operations, trail
from tests.cli.test_google import in_cloud
from tests.dump.equality import assert_equal
from tests.program import program_folder
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.kms.fixture import KEY, URI, kms  # noqa: F401 - fixtures
from tests.servers.kms.server import KmsServer
from tests.terminal.terminal import on_terminal

__all__ = ["in_cloud"]

OLD, NEW = "file:litekeep.key", "file:new.key"


@pytest.fixture
def ready(workplace: Workplace) -> Workplace:
    workplace.good("backup", "--name", "one")
    workplace.good("keygen", "new.key")
    return workplace


def test_rekey_replaces_a_key_and_the_old_one_can_be_removed(ready: Workplace) -> None:
    before = ready.good("keys", "--json").json["stores"][0]["keys"]
    assert [(use["backups"], use["lost_if_destroyed"]) for use in before] == [(1, 1)]
    done = ready.good("rekey", "--to", NEW, "--json").json
    assert [place["rewrapped"] for place in done["stores"]] == [["one"]]
    after = ready.good("keys", "--json", BACKUP_KEY=NEW).json["stores"][0]["keys"]
    assert sorted((use["key"] == done["to"], use["lost_if_destroyed"]) for use in after) == [(False, 0), (True, 0)]
    (ready.folder / "litekeep.key").unlink()
    ready.good("restore", "--backup", "one", "--to", "back.db", "--verify", BACKUP_KEY=NEW)
    assert_equal(ready.database, ready.folder / "back.db")
    for command in (
        ["verify", "--backup", "one"],
        ["drill", "--now"],
        ["export", "--backup", "one", "--output", "o.sql"],
    ):
        ready.good(*command, BACKUP_KEY=NEW)


def test_rekey_emits_event_and_audit_event(ready: Workplace) -> None:
    outcome = ready.good("rekey", "--to", NEW, LOG_FORMAT="json")
    events = [json.loads(line) for line in outcome.err.splitlines()]
    found = next(event for event in events if event["event"] == Event.REKEY_SUCCEEDED)
    assert (found["store"], found["rewrapped"]) == ("backups", 1)
    assert ("rekey", "succeeded", None) in operations(ready)
    ready.good("rekey", "--to", NEW, "--dry-run")
    assert [each[0] for each in operations(ready)].count("rekey") == 1


def test_rekey_includes_the_copy_store(ready: Workplace) -> None:
    ready.good("copy", "--to", "other")
    done = ready.good("rekey", "--to", NEW, "--json", BACKUP_COPY_STORE="other").json
    assert [place["rewrapped"] for place in done["stores"]] == [["one"], ["one"]]
    restored = ["restore", "--backup", "one", "--to", "back.db"]
    ready.good(*restored, "--store", "other", BACKUP_KEY=NEW)
    assert ready.run("monitor", BACKUP_COPY_STORE="other").err.count("copy_behind") == 0


def test_invalid_rekey_is_one_line_and_writes_nothing(ready: Workplace, one_line) -> None:  # type: ignore[no-untyped-def]
    before = ready.stored()
    for to, message in [
        ("none", "no data key"),
        (OLD, "name the same key"),
        ("file:missing.key", "missing"),
        ("gcp-kms://nonsense", "--to is wrong"),
    ]:
        line = one_line(ready.run("rekey", "--to", to, BACKUP_KEY=OLD), 1 if "missing" in to else 2)
        assert message in line, line
    assert ready.stored() == before


def test_rekey_to_a_key_outside_the_policy_is_refused(ready: Workplace, one_line) -> None:  # type: ignore[no-untyped-def]
    policy = {"environment": "test", "stores": [str(ready.store)], "keys": [OLD], "sources": ["*"], "targets": ["*"]}
    (ready.folder / "policy.json").write_text(json.dumps(policy))
    (ready.folder / "policy.json").chmod(0o600)
    line = one_line(ready.run("rekey", "--to", NEW, BACKUP_KEY=OLD, BACKUP_POLICY="policy.json"), 4)
    assert "--to is refused" in line


def test_cloud_kms_key_is_rotated_rewrapped_and_old_version_destroyed(
    in_cloud: Workplace,
    kms: KmsServer,  # noqa: F811
) -> None:
    in_cloud.good("backup", "--name", "one")
    kms.keys[KEY].rotate()
    in_cloud.good("backup", "--name", "two")
    lost = {
        use["key"][-1]: use["lost_if_destroyed"] for use in in_cloud.good("keys", "--json").json["stores"][0]["keys"]
    }
    assert lost == {"1": 1, "2": 1}
    shown = in_cloud.good("keys").out
    assert re.search(r"/cryptoKeyVersions/1, BACKUP_KEY\n  wraps 1, lost with it: 1, needed until: \d{4}-", shown)
    done = in_cloud.good("rekey", "--to", URI, "--json").json["stores"][0]
    assert (done["rewrapped"], done["already"]) == (["one"], 1)
    lost = {
        use["key"][-1]: use["lost_if_destroyed"] for use in in_cloud.good("keys", "--json").json["stores"][0]["keys"]
    }
    assert lost == {"1": 0, "2": 1}
    kms.keys[KEY].destroy(1)
    for name in ("one", "two"):
        in_cloud.good("restore", "--backup", name, "--to", f"{name}.db", "--verify")
        assert_equal(in_cloud.database, in_cloud.folder / f"{name}.db")


# The recovery sheet


def test_recovery_sheet_and_store_are_enough_to_restore(ready: Workplace, tmp_path: Path) -> None:
    """Runs the commands and types the lines of the sheet exactly as printed."""
    sheet = ready.good("keys", "sheet", BACKUP_KEY=OLD).out
    (ready.folder / "litekeep.key").unlink()
    bare = tmp_path / "bare"
    bare.mkdir()
    commands = [line[2:] for line in sheet.splitlines() if line.startswith("$ ")]
    typed = [line.strip() for line in sheet.splitlines() if line.startswith("   ") and line.strip()[:1].isdigit()]
    assert len(commands) >= 5
    assert len(typed) >= 5
    script = "\n".join(["set -e", *commands]).replace(
        "keys enter litekeep.key", "keys enter litekeep.key <<'END'\n{}\nEND"
    )
    environment = {
        name: value for name, value in ready.environment.items() if not name.startswith(("BACKUP", "DATABASE"))
    }
    environment["PATH"] = f"{program_folder()}:{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script.replace("{}", "\n".join(typed))],
        cwd=bare,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_equal(ready.database, bare / "restored-app.db")


def test_sheet_output_is_private_new_and_audited(ready: Workplace) -> None:
    ready.good("keys", "sheet", "--output", "sheet.txt", BACKUP_KEY=OLD)
    path = ready.folder / "sheet.txt"
    assert path.stat().st_mode & 0o777 == 0o600
    assert ready.run("keys", "sheet", "--output", "sheet.txt", BACKUP_KEY=OLD).code == 2
    assert ("keys sheet", "succeeded", None) in operations(ready)
    key_lines = [line.strip() for line in path.read_text().splitlines() if line.strip()[:2].rstrip("/").isdigit()]
    assert key_lines
    assert not any(line in json.dumps(trail(ready)) for line in key_lines)


def test_sheet_with_cloud_kms_names_key_and_role_without_secret(in_cloud: Workplace) -> None:
    in_cloud.good("backup", "--name", "one")
    sheet = in_cloud.good("keys", "sheet").out
    assert URI in sheet
    assert "roles/cloudkms.cryptoKeyDecrypter" in sheet
    assert "keys enter" not in sheet


def test_typing_error_in_a_sheet_names_the_line_and_makes_no_file(ready: Workplace) -> None:
    sheet = ready.good("keys", "sheet", BACKUP_KEY=OLD).out
    lines = [line.strip() for line in sheet.splitlines() if line.startswith("   ") and line.strip()[:1].isdigit()]
    slip = lines[2].replace(lines[2][5], "A" if lines[2][5] != "A" else "B")
    done = forker.run(
        [sys.executable, "-m", "litekeep", "keys", "enter", "again.key"],
        input="\n".join([*lines[:2], slip, *lines[3:]]),
        cwd=ready.folder,
        env=ready.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "line 3" in done.stderr) == (2, True)
    assert not (ready.folder / "again.key").exists()


def test_keys_enter_on_a_terminal_says_on_stderr_what_to_type(ready: Workplace) -> None:
    sheet = ready.good("keys", "sheet", BACKUP_KEY=OLD).out
    typed = [line.strip() for line in sheet.splitlines() if line.startswith("   ") and line.strip()[:1].isdigit()]
    shown = on_terminal(
        ["bash", "-c", f"{sys.executable} -m litekeep keys enter again.key --json > out.json"],
        ready.folder,
        ready.environment,
        columns=200,
        answers=[("then Ctrl-D on a line of its own:", lambda _: "\n".join(typed) + "\n\x04")],
    )
    assert (shown.code, shown.lines[1:]) == (0, typed), shown.text
    assert json.loads((ready.folder / "out.json").read_text())["path"] == "again.key"


def test_sheet_of_unencrypted_store_needs_no_key(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one", BACKUP_KEY="none")
    assert "None is needed." in workplace.good("keys", "sheet", BACKUP_KEY="none").out
    assert replace(workplace).good("keys", "--json", BACKUP_KEY="none").json["stores"][0]["in_clear"] == 1
