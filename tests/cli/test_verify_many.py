"""`litekeep verify --all` and `--since`: every backup is reported, and none is verified twice needlessly."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.verify.many import KnownGood, Unproven, verify_many
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.errors import KeyProblem, LitekeepError, ObjectMissing, StoreError, UsageError
from shared.model.kinds import Kind
from shared.model.manifest import Integrity
from shared.model.names import BackupName
from shared.operations.verify.check import Check
from shared.operations.verify.ladder import LEVEL, Verification
from shared.schedule.task_share import share
from shared.stores.folder import FolderStore
from shared.stores.gcs import BucketStore
from tests.builders import make_artifact, make_manifest
from tests.cli.conftest import Workplace
from tests.retention.cleanup import shelf
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port  # noqa: F401 - fixtures
from tests.servers.gcs.proxy import Proxy

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Verdict:
    ok: bool
    level: str | None = LEVEL

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok} | ({"level": self.level} if self.level else {})


def put(store: FolderStore, backup_id: str, verdict: Verdict | None = None, *, good: bool = True) -> BackupName:
    name = BackupName(Kind.DAILY, "app", backup_id)
    catalog = Catalog(store)
    artifact = make_artifact(name)
    store.create(artifact.object, b"x" * artifact.size_bytes, {})
    integrity = Integrity(good=good)
    catalog.publish(make_manifest(id=backup_id, database="app", artifacts=[artifact], integrity=integrity))
    if verdict is not None:
        catalog.record(name, verdict, NOON)
    return name


def good(backup: Backup) -> Verification:
    return Verification(backup.name.id, [Check("data", ok=True, detail="")], backup.name, NOON)


def failing(error: LitekeepError | OSError) -> Callable[[Backup], Verification]:
    def verify(_: Backup) -> Verification:
        raise error

    return verify


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.mark.parametrize(
    ("verdict", "skipped"),
    [
        (None, False),
        (Verdict(True), True),
        (Verdict(False), False),  # it may have been repaired
        (Verdict(True, "quick"), False),  # another level proves less
        (Verdict(True, None), False),
    ],
)
def test_only_backups_verified_at_the_same_level_are_skipped(
    store: FolderStore, verdict: Verdict | None, skipped: bool
) -> None:
    put(store, "one", verdict)
    (found,) = verify_many(store, Catalog(store).backups(), good, again=False)
    assert isinstance(found, KnownGood) is skipped
    (found,) = verify_many(store, Catalog(store).backups(), good, again=True)
    assert isinstance(found, Verification)


def test_listing_of_a_bucket_has_the_verification_level(gcs: Proxy, bucket: str) -> None:  # noqa: F811
    store = BucketStore.from_url(f"gs://{bucket}")
    name = BackupName(Kind.DAILY, "app", "one")
    Catalog(store).publish(make_manifest(id="one", database="app", artifacts=[]))
    Catalog(store).record(name, Verdict(True), NOON)
    gcs.seen.clear()
    (backup,) = Catalog(store).backups()
    assert (backup.verified, backup.verified_level) == (True, LEVEL)
    assert len(gcs.seen) == 1


def test_backup_with_damaged_manifest_is_verified_again(store: FolderStore) -> None:
    name = put(store, "one", Verdict(True))
    (Path(store.url) / name.manifest).write_text("{")
    (found,) = verify_many(store, Catalog(store).backups(), good, again=False)
    assert isinstance(found, Verification)


def test_unreachable_backup_does_not_stop_the_others(store: FolderStore) -> None:
    for number in range(3):
        put(store, f"b{number}")

    def verify(backup: Backup) -> Verification:
        if backup.name.id == "b1":
            raise StoreError("it cannot be reached")
        return good(backup)

    found = {verdict.id: verdict.ok for verdict in verify_many(store, Catalog(store).backups(), verify, again=False)}
    assert found == {"b0": True, "b1": None, "b2": True}


def test_backups_with_another_key_do_not_stop_the_others(store: FolderStore) -> None:
    for number in range(9):
        put(store, f"b{number}")
    found = verify_many(store, Catalog(store).backups(), failing(KeyProblem("another key")), again=False)
    assert not [verdict for verdict in found if isinstance(verdict, Unproven) and "not tried" in verdict.error]


def test_backup_with_old_verdict_is_verified_again(store: FolderStore) -> None:
    put(store, "one", Verdict(True))
    (found,) = verify_many(store, Catalog(store).backups(), good, again=False, read_before=NOON + timedelta(days=1))
    assert isinstance(found, Verification)


def test_backup_with_invalid_seal_is_verified_again(store: FolderStore) -> None:
    put(store, "one", Verdict(True))
    (found,) = verify_many(
        store, Catalog(store).backups(), good, again=False, look=lambda each: replace(each, damaged="it does not open")
    )
    assert isinstance(found, Verification)


@pytest.mark.parametrize("error", [StoreError("away"), OSError(28, "No space left on device")])
def test_rest_is_not_tried_after_five_failures_in_a_row(store: FolderStore, error: LitekeepError | OSError) -> None:
    for number in range(9):
        put(store, f"b{number}")
    tried: list[str] = []

    def verify(backup: Backup) -> Verification:
        tried.append(backup.name.id)
        raise error

    found = verify_many(store, Catalog(store).backups(), verify, again=False)
    assert len(found) == 9
    assert all(isinstance(verdict, Unproven) for verdict in found)
    assert len(tried) == 5


def test_backup_deleted_meanwhile_gets_no_verdict(store: FolderStore) -> None:
    name = put(store, "one")
    backups = Catalog(store).backups()
    (Path(store.url) / name.manifest).unlink()
    assert verify_many(store, backups, failing(ObjectMissing("gone")), again=False) == []


def test_missing_object_of_existing_backup_is_reported(store: FolderStore) -> None:
    put(store, "one")
    (found,) = verify_many(store, Catalog(store).backups(), failing(ObjectMissing("gone")), again=False)
    assert isinstance(found, Unproven)


@settings(max_examples=80, deadline=None)
@given(st.sets(st.text(max_size=20), max_size=60), st.integers(1, 12), st.randoms())
def test_tasks_share_a_list_without_gap_or_overlap(names: set[str], count: int, chance: random.Random) -> None:
    taken: list[str] = []
    for index in range(count):
        listed = list(names)
        chance.shuffle(listed)
        mine = share(listed, index, count, name=str)
        assert mine == [name for name in listed if name in mine], "in the order given"
        taken += mine
    assert sorted(taken) == sorted(names)


def test_share_does_not_change_when_items_are_removed() -> None:
    names = [f"daily/app/b{number}" for number in range(100)]
    of_all = share(names, 1, 3, name=str)
    assert share(names[40:], 1, 3, name=str) == [name for name in names[40:] if name in of_all]
    assert 15 < len(of_all) < 55


def test_task_index_out_of_range_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="CLOUD_RUN_TASK_INDEX"):
        share(["a"], 3, 3, name=str)


def test_verify_all_reports_every_backup_and_exits_3_if_one_is_bad(workplace: Workplace) -> None:
    # Names in order of time: backups of one second are listed by name.
    for name in ("b1", "b2", "b3"):
        workplace.good("backup", "--name", name, "--format", "sql")
    (artifact,) = (workplace.store / "on-demand/app.db").glob("b2.sql*")
    artifact.write_bytes(artifact.read_bytes()[:-9])
    outcome = workplace.run("verify", "--all", "--json")
    assert outcome.code == 3
    assert [(item["id"], item["ok"]) for item in outcome.json] == [("b3", True), ("b2", False), ("b1", True)]
    again = workplace.run("verify", "--all")
    assert again.code == 3, "what was found wanting is looked at again"
    assert again.err.count("verify.succeeded") == 0
    assert again.err.count("verify.failed") == 1
    assert "3 backups: 0 good, 2 not read again" in again.out
    every = workplace.run("verify", "--all", "--again", "--json")
    assert every.code == 3
    assert all(item["checks"] for item in every.json)


def test_skipped_backups_show_their_last_verification(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one", "--format", "sqlite")
    before = datetime.now(UTC).replace(microsecond=0)
    workplace.good("verify", "--since", "1h")
    (item,) = workplace.good("verify", "--since", "1h", "--json").json
    assert (item["id"], item["ok"], item["skipped"], item["checks"]) == ("one", True, True, [])
    assert before <= datetime.fromisoformat(item["verified_at"]) <= before + timedelta(minutes=5)


def test_named_backup_is_always_verified(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one", "--format", "sqlite")
    for _ in range(2):
        (item,) = workplace.good("verify", "--backup", "one", "--json").json
        assert item["checks"]


def test_tasks_of_the_job_verify_each_backup_once(workplace: Workplace) -> None:
    for number in range(4):
        workplace.good("backup", "--name", f"b{number}", "--format", "sqlite")
    seen: list[str] = []
    for index in range(3):
        tasks = {"CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_COUNT": "3", "LOG_FORMAT": "json"}
        outcome = workplace.run("--since=7d", module="jobs.verify", CLOUD_RUN_JOB="verify", **tasks)
        assert outcome.code == 0, outcome.err
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        seen += [line["backup_id"] for line in lines if line["event"] == "verify.succeeded"]
    assert sorted(seen) == ["b0", "b1", "b2", "b3"]


def test_wrong_key_makes_no_backup_bad(workplace: Workplace) -> None:
    for name in ("one", "two"):
        workplace.good("backup", "--name", name, "--format", "sql")
    workplace.good("keygen", "other.key")
    outcome = workplace.run("verify", "--all", "--json", BACKUP_KEY="file:other.key")
    assert outcome.code == 1
    assert [(item["id"], item["ok"]) for item in outcome.json] == [("two", None), ("one", None)]
    assert all(item["error"] for item in outcome.json)
    assert [item["verified"] for item in workplace.good("list", "--json").json] == [None, None]


def test_verify_latest_checks_the_newest_of_each_database(workplace: Workplace) -> None:
    for name in ("a1", "a2"):
        workplace.good("backup", "--name", name, "--format", "sql")
    shutil.copy(workplace.database, workplace.folder / "orders.db")
    workplace.good("backup", "--name", "o1", "--format", "sql", DATABASE_URL="orders.db")
    outcome = workplace.good("verify", "--backup=latest", "--json")
    assert [(item["database"], item["id"], item["ok"]) for item in outcome.json] == [
        ("app.db", "a2", True),
        ("orders.db", "o1", True),
    ]
    (artifact,) = (workplace.store / "on-demand/orders.db").glob("o1.sql*")
    artifact.write_bytes(artifact.read_bytes()[:-9])
    outcome = workplace.run("verify", "--backup=latest-verified")
    assert outcome.code == 3, "a database that has no such backup is not good"
    assert "a2 is good" in outcome.out
    assert "no good backup of orders.db: see litekeep list" in outcome.out
    one = workplace.good("verify", "--backup=latest", "--database=app.db", "--json")
    assert [item["id"] for item in one.json] == ["a2"]


def test_database_without_verified_backup_is_reported(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "a1", "--format", "sql", "--verify")
    shutil.copy(workplace.database, workplace.folder / "orders.db")
    workplace.good("backup", "--name", "o1", "--format", "sql", DATABASE_URL="orders.db")
    outcome = workplace.run("verify", "--backup=latest-verified")
    assert "no backup of orders.db was verified: run litekeep verify --database orders.db" in outcome.out


def test_database_with_only_safety_backups_has_no_latest(tmp_path: Path) -> None:
    catalog = Catalog(FolderStore(tmp_path / "store"))
    shelf.put(catalog.store, 1, "a1", database="app")
    shelf.put(catalog.store, 1, "before-restore-1", database="old")
    assert {database: each and each.name.id for database, each in catalog.newest_of_each("latest").items()} == {
        "app": "a1"
    }
