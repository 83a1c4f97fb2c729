"""The commands `copy`, `delete`, `retire`, `show` and `hold`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.errors import StoreError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.copy import copy_backups
from shared.retention.plan import Candidate, RetentionPolicy, Rule
from shared.retention.rules import plan
from shared.stores.folder import FolderStore
from tests.cli.conftest import Workplace


@pytest.fixture
def two(workplace: Workplace) -> Workplace:
    workplace.good("backup", "--name", "one", "--verify")
    workplace.good("backup", "--name", "two", "--note", "before the big import")
    workplace.good("hold", "one", "--reason", "audit")
    (workplace.folder / "other").mkdir()
    return workplace


def names_in(folder: Path) -> list[str]:
    """Returns the stored files without the audit trail, which has its own tests."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if ".staging" not in name and not name.startswith("audit/"))


def test_copied_store_is_complete_and_restorable(two: Workplace) -> None:
    done = two.good("copy", "--to", "other/store", "--json").json
    assert sorted(done["copied"]) == ["one", "two"]
    kept = [name for name in names_in(two.store) if not name.startswith("locks/")]
    assert names_in(two.folder / "other/store") == kept
    restored = two.good(
        "restore", "--backup", "one", "--store", "other/store", "--to", "x.db", "--verify", "--json"
    ).json
    assert restored["verified"] is True
    assert two.good("copy", "--to", "other/store", "--json").json["copied"] == []


def test_later_copy_adds_verdicts(two: Workplace) -> None:
    two.good("copy", "--to", "other/store")
    two.good("verify", "--backup", "two")
    two.good("copy", "--to", "other/store")
    listed = two.good("list", "--store", "other/store", "--json").json
    assert {item["id"]: item["verified"] for item in listed} == {"one": True, "two": True}


def test_copied_audit_trail_verifies_on_its_own(two: Workplace) -> None:
    two.run("monitor")
    two.good("copy", "--to", "other/store")
    report = two.good("audit", "verify", "--store", "other/store", "--json").json
    assert (report["ok"], report["checkpoints"], report["uncovered"]) == (True, 1, 0)
    assert report["events"] >= 2


def test_copy_skips_only_the_damaged_backup(two: Workplace) -> None:
    artifact = next((two.store / "on-demand/app.db").glob("two.sqlite*"))
    content = bytearray(artifact.read_bytes())
    content[50] ^= 1
    artifact.write_bytes(content)
    outcome = two.run("copy", "--to", "other/store", "--json")
    assert (outcome.code, outcome.json["copied"], list(outcome.json["failed"])) == (1, ["one"], ["two"])
    assert not [name for name in names_in(two.folder / "other/store") if "two.manifest" in name]


def test_interrupted_copy_can_be_continued(two: Workplace) -> None:
    source = FolderStore(two.store)

    class Stops(FolderStore):
        left = 3

        def create_from_file(self, *arguments: object) -> object:  # type: ignore[override]
            Stops.left -= 1
            if Stops.left == 0:
                raise StoreError("stopped")
            return super().create_from_file(*arguments)  # type: ignore[arg-type]

    copy_backups(source, Stops(two.folder / "other/store"))
    target = FolderStore(two.folder / "other/store")
    for backup in Catalog(target).backups():
        assert backup.missing is None, "a backup is shown that is not whole"
    assert not copy_backups(source, target).failed
    assert len(Catalog(target).backups()) == 2


@pytest.mark.parametrize("place", ["backups", "./backups/", "backups/inside", "."])
def test_copy_store_inside_the_store_is_refused(two: Workplace, place: str) -> None:
    before = names_in(two.folder)
    for outcome in (two.run("copy", "--to", place), two.run("backup", BACKUP_COPY_STORE=place)):
        assert outcome.code == 2
        assert "is the store itself, or one lies inside the other" in outcome.err
    assert [name for name in names_in(two.folder) if "state/" not in name] == [n for n in before if "state/" not in n]


def test_delete_removes_one_backup_completely(two: Workplace) -> None:
    assert two.good("delete", "two", "--reason", "wrong one", "--json").json["id"] == "two"
    assert not [name for name in two.stored() if "/two." in name]
    assert "wrong one" in (Path(two.environment["XDG_STATE_HOME"]) / "litekeep/audit.jsonl").read_text()


def test_delete_refuses_a_held_backup_even_with_force(two: Workplace) -> None:
    outcome = two.run("delete", "one", "--reason", "x", "--force")
    assert (outcome.code, "is held" in outcome.err) == (1, True)


def test_delete_refuses_the_last_good_backup_of_a_live_database(two: Workplace) -> None:
    two.good("release", "one")
    two.good("delete", "one", "--reason", "x")
    outcome = two.run("delete", "two", "--reason", "x")
    assert (outcome.code, "last good backup" in outcome.err) == (1, True)
    two.good("delete", "two", "--reason", "x", "--force")


def test_delete_removes_a_backup_with_damaged_manifest(two: Workplace) -> None:
    (two.store / "on-demand/app.db/two.manifest.json").write_text("{")
    two.good("delete", "two", "--reason", "its manifest is damaged")
    assert [item["id"] for item in two.good("list", "--json").json] == ["one"]


def test_retired_database_raises_no_alert(two: Workplace) -> None:
    assert "monitor.age" in two.run("monitor").err
    two.good("retire", "--database", "app.db", "--reason", "merged")
    outcome = two.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *", DATABASE_URL="")
    assert not {"monitor.stale", "monitor.age", "monitor.unverified"} & set(outcome.err.split(": ")[0].split())
    assert two.run("retire", "--database", "app.db", "--reason", "again").code == 2
    assert two.run("retire", "--database", "nope.db", "--reason", "x").code == 2


def test_backups_of_a_retired_database_are_deleted_when_retention_ends() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    taken = [now - timedelta(days=days) for days in (40, 35, 10)]
    own = [Candidate(BackupName(Kind.DAILY, "old", f"b{n}"), at) for n, at in enumerate(taken)]
    policy = RetentionPolicy({kind: timedelta(days=30) for kind in Kind}, retired={"old": now - timedelta(days=5)})
    rules = {decision.backup.name.id: decision.rule for decision in plan(own, policy, now).decisions}
    assert rules == {"b0": Rule.EXPIRED, "b1": Rule.EXPIRED, "b2": Rule.NOT_EXPIRED}
    alive = RetentionPolicy(policy.lengths, retired={"old": now - timedelta(days=20)})
    assert not plan(own, alive, now).deletions, "a backup was taken since: the database lives"


def test_show_prints_note_hold_and_verdicts_without_keys(two: Workplace) -> None:
    shown = two.good("show", "two").out
    assert "note         before the big import" in shown
    document = two.good("show", "one", "--json").json
    assert document["hold"]["reason"] == "audit"
    assert document["verdicts"][0]["ok"] is True
    assert "wrapped" not in json.dumps(document)


@pytest.mark.parametrize(
    ("ref", "held"),
    [("latest", "two"), ("two.sql.gz.enc", "two"), ("backups/on-demand/app.db/two.manifest.json", "two")],
)
def test_hold_accepts_every_ref_and_names_the_backup(two: Workplace, ref: str, held: str) -> None:
    assert f"Held {held} of app.db" in two.good("hold", ref, "--reason", "audit").out
    assert {each["id"] for each in two.good("list", "--held", "--json").json} == {"one", held}


def test_hold_of_held_latest_verified_names_the_backup(two: Workplace) -> None:
    refused = two.run("hold", "latest-verified", "--reason", "again")
    assert refused.code == 1
    assert "one is held already (audit)" in refused.err
