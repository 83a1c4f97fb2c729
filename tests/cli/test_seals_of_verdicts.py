"""Verdicts forged without the key are ignored and reported."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Workplace, clean_environment

PLACE = "daily/app.db"
Attack = Callable[[Path], None]


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory, sample: bytes) -> Workplace:
    """A store with `old`, which is verified, and `new`, which is not."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "tmp").mkdir()
    (folder / "app.db").write_bytes(sample)
    own = {"XDG_STATE_HOME": str(folder / "state"), "DATABASE_URL": "app.db", "TMPDIR": str(folder / "tmp")}
    place = Workplace(folder, clean_environment() | own)
    place.good("backup", "--name", "old", "--kind", "daily", "--format", "sqlite", "--verify")
    place.good("backup", "--name", "new", "--kind", "daily", "--format", "sqlite")
    return place


@pytest.fixture
def attacked(backed_up: Workplace, tmp_path: Path) -> Workplace:
    """A copy of the store for each test to attack."""
    for name in ("app.db", "litekeep.key"):
        shutil.copy2(backed_up.folder / name, tmp_path / name)
    shutil.copytree(backed_up.store, tmp_path / "backups", ignore=shutil.ignore_patterns(".lock"))
    (tmp_path / "tmp").mkdir()
    own = {"XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path / "tmp")}
    return Workplace(tmp_path, backed_up.environment | own)


def moment() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=30)


def put(folder: Path, backup_id: str, document: dict[str, object]) -> None:
    at = moment()
    document |= {"recorded_at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"}
    (folder / f"{backup_id}.verified-{at:%Y%m%dT%H%M%S%fZ}.json").write_text(json.dumps(document, indent=2))


def true_verdict(folder: Path) -> dict[str, object]:
    (path,) = folder.glob("old.verified-*.json")
    return dict(json.loads(path.read_text()))


def copied(folder: Path) -> None:
    (path,) = folder.glob("old.verified-*.json")
    shutil.copy2(path, folder / path.name.replace("old.", "new."))


def copied_and_renamed(folder: Path) -> None:
    put(folder, "new", true_verdict(folder) | {"id": "new"})


def in_the_old_form(folder: Path) -> None:
    put(folder, "new", {"ok": True, "level": "full", "checks": []})


def with_a_made_up_seal(folder: Path) -> None:
    put(folder, "new", true_verdict(folder) | {"id": "new", "seal": "sha256:" + "0" * 64})


GOOD_BY_FORGERY = [copied, copied_and_renamed, in_the_old_form, with_a_made_up_seal]


@pytest.mark.parametrize("attack", GOOD_BY_FORGERY)
def test_forged_verdict_does_not_verify_a_backup(attacked: Workplace, attack: Attack) -> None:
    attack(attacked.store / PLACE)
    status = attacked.run("status", "--json")
    assert (status.code, status.json["last_verified"]["id"]) == (1, "old")
    assert "monitor.not_sealed" in [alert["name"] for alert in status.json["alerts"]]
    (message,) = [line for line in attacked.run("monitor").out.splitlines() if "monitor.not_sealed" in line]
    assert message.startswith("❌ monitor.not_sealed: a verdict on new of app.db counts for nothing, it")
    restored = attacked.good("restore", "--backup", "latest-verified", "--to", "x.db", "--json").json
    assert restored["id"] == "old"
    assert any("new: its verdict counts for nothing" in note for note in restored["notes"])
    (read,) = [item for item in attacked.good("verify", "--since", "1h", "--json").json if item["id"] == "new"]
    assert read["checks"]
    assert read["disregarded"]
    assert attacked.run("status", "--json").json["last_verified"]["id"] == "new", "by the verdict that is true"


def test_changed_verdict_is_ignored(attacked: Workplace) -> None:
    folder = attacked.store / PLACE
    (path,) = folder.glob("old.verified-*.json")
    path.write_text(path.read_text().replace('"ok": true', '"ok": false'))
    assert attacked.run("status", "--json").json["last_verified"] is None
    assert attacked.run("restore", "--backup", "latest-verified", "--to", "x.db").code == 2
    put(folder, "new", true_verdict(folder) | {"id": "new", "ok": False})
    status = attacked.run("status", "--json").json
    assert (status["status"], status["last_backup"]["id"]) == ("ok", "new"), "nobody with the key found it wanting"
    assert attacked.good("restore", "--backup", "latest", "--to", "x.db", "--json").json["id"] == "new"


def test_renamed_manifest_with_verdict_is_not_a_backup(attacked: Workplace) -> None:
    folder = attacked.store / PLACE
    for path in folder.glob("old.*"):
        shutil.copy2(path, folder / path.name.replace("old.", "zzz.", 1))
    manifest, at = folder / "zzz.manifest.json", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    forged = manifest.read_text().replace('"id": "old"', '"id": "zzz"').replace("/old.", "/zzz.")
    manifest.write_text(re.sub(r'"created_at": "[^"]*"', f'"created_at": "{at}"', forged))
    put(folder, "zzz", true_verdict(folder) | {"id": "zzz"})
    status = attacked.run("status", "--json").json
    assert (status["last_verified"]["id"], "monitor.not_good" in str(status["alerts"])) == ("old", True)
    assert attacked.good("restore", "--backup", "latest-verified", "--to", "x.db", "--json").json["id"] == "old"
    (found,) = [item for item in attacked.run("verify", "--since", "1h", "--json").json if item["id"] == "zzz"]
    assert (found["ok"], found["checks"][0]["name"]) == (False, "manifest")


def test_list_reports_unchecked_seals_and_missing_ones(attacked: Workplace) -> None:
    in_the_old_form(attacked.store / PLACE)
    listed = attacked.good("list", "--json").json
    assert {item["id"]: (item["verified"], item["verdict"]) for item in listed} == {
        "old": (True, "not checked here"),
        "new": (None, None),
    }
    shown = attacked.good("list")
    assert "verified: as recorded, seals not checked here" in shown.out
    assert "new: a verdict on it counts for nothing, it has no seal" in shown.err


def test_verdict_counts_unchecked_without_the_key(attacked: Workplace) -> None:
    (attacked.folder / "litekeep.key").unlink()
    status = attacked.run("status", "--json").json
    assert status["last_verified"] == status["last_verified"] | {"id": "old", "verdict": "not checked here"}
    assert "(old, its seal not checked here)" in attacked.run("status").out
