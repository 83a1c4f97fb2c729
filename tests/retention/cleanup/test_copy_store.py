"""Cleanup of both stores: same rules, a hold in either protects in both, and copies of kept backups are kept."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.catalog.holds import hold
from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.errors import StoreError
from shared.operations.copy import copy_backups
from shared.retention.cleanup import clean, preview
from shared.retention.lease import leased
from shared.retention.other_store import view_of_copy_store, view_of_main_store
from shared.retention.outcome import Outcome as Cleaned
from shared.retention.plan import Rule
from shared.retention.retired import retire
from shared.stores.folder import FolderStore
from shared.stores.gcs import BucketStore, Patience
from tests.cli.conftest import Outcome, Workplace
from tests.retention.cleanup.shelf import POLICY, Verdict, ago, fill, ids, objects, put
from tests.servers.gcs.proxy import Proxy, Refuse

YOUNG = {"b1", "b2", "b3", "b4", "b5"}


@pytest.fixture
def main(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "backups")


@pytest.fixture
def copy(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "copies")


def both(main: FolderStore, copy: FolderStore) -> tuple[Cleaned, Cleaned]:
    first = clean(main, POLICY, other_store=view_of_copy_store(copy))
    return first, clean(copy, POLICY, other_store=view_of_main_store(main, first, first.deleted))


def rules(outcome: Cleaned) -> dict[str, Rule]:
    return {decision.backup.name.id: decision.rule for decision in outcome.plan.decisions}


def copied(main: FolderStore, copy: FolderStore) -> None:
    """Copy everything except verdicts, as a backup run does."""
    for name in objects(main):
        if ".verified-" not in name:
            with main.open(name) as stream:
                copy.create(name, stream.read(), {})


def test_backups_deleted_from_the_store_are_deleted_from_the_copy_store(main: FolderStore, copy: FolderStore) -> None:
    fill(main)
    copied(main, copy)
    first, second = both(main, copy)
    assert (len(first.deleted), len(second.deleted)) == (3, 3)
    assert ids(main) == ids(copy) == YOUNG


def test_different_backup_with_the_same_id_proves_nothing(main: FolderStore, copy: FolderStore) -> None:
    fill(main)
    for number in range(5):
        put(copy, 1.01 + number, f"b{1 + number}", verified=None)
    put(copy, 100.01, "old0", verified=None)
    _, second = both(main, copy)
    assert rules(second)["old0"] is Rule.UNPROVEN
    assert second.deleted == set()


@pytest.mark.parametrize("held_in", ["main", "copy"])
def test_hold_in_either_store_protects_in_both(main: FolderStore, copy: FolderStore, held_in: str) -> None:
    fill(main)
    copied(main, copy)
    hold(main if held_in == "main" else copy, "old1", "incident 42", "me")
    first, second = both(main, copy)
    assert ids(main) == ids(copy) == YOUNG | {"old1"}
    other = second if held_in == "main" else first
    reason = next(each.reason for each in other.plan.decisions if each.backup.name.id == "old1")
    assert reason == f"held: incident 42 (in {main.url if held_in == 'main' else copy.url})"


@pytest.mark.parametrize("held_in", ["main", "copy"])
def test_hold_set_after_listing_still_protects(main: FolderStore, copy: FolderStore, held_in: str) -> None:
    fill(main)
    copied(main, copy)
    beside = view_of_copy_store(copy)
    if held_in == "copy":
        hold(copy, "old1", "now", "me")
    first = clean(main, POLICY, other_store=beside)
    if held_in == "copy":
        assert ids(main) == YOUNG | {"old1"}
        assert any("old1 of app was not deleted: it is held" in error for error in first.errors)
        return
    old = next(name for name in first.deleted if name.id == "old1")
    main.create(old.hold, json.dumps({"reason": "now", "held_by": "me", "held_at": "2024-01-01"}).encode(), {})
    second = clean(copy, POLICY, other_store=view_of_main_store(main, first, first.deleted))
    assert ids(copy) == YOUNG | {"old1"}
    assert any("old1 of app was not deleted: it is held" in error for error in second.errors)


def test_no_copy_is_deleted_while_holds_of_the_store_are_unreadable(main: FolderStore, copy: FolderStore) -> None:
    class Silent(FolderStore):
        def open(self, name: str, generation: str | None = None):  # type: ignore[no-untyped-def]
            raise StoreError("out of reach")

    fill(main)
    copied(main, copy)
    before = ids(copy)
    first = clean(main, POLICY, other_store=view_of_copy_store(copy))
    assert ids(main) == YOUNG
    second = clean(copy, POLICY, other_store=view_of_main_store(Silent(Path(main.url)), first, first.deleted))
    assert ids(copy) == before
    assert any("out of reach" in error for error in second.errors)


def test_copy_of_a_backup_deleted_early_is_kept_until_it_expires(main: FolderStore, copy: FolderStore) -> None:
    fill(main)
    copied(main, copy)
    for name in [name for name in objects(main) if "/b1." in name or "/b2." in name]:
        (Path(main.url) / name).unlink()
    for backup in Catalog(copy).backups():
        Catalog(copy).record(backup.name, Verdict(ok=True), ago(0.02))
    both(main, copy)
    assert ids(main) == {"b3", "b4", "b5"}
    assert ids(copy) == YOUNG


def test_copy_store_keeps_last_good_backups_of_an_emptied_store(main: FolderStore, copy: FolderStore) -> None:
    for number in range(6):
        put(copy, 100 + number, f"only{number}")
    both(main, copy)
    assert len(ids(copy)) == 6


def test_copy_of_a_kept_expired_backup_is_kept_and_not_copied_again(main: FolderStore, copy: FolderStore) -> None:
    fill(main)
    copied(main, copy)
    newest = next(backup for backup in Catalog(main).backups() if backup.name.id == "b1")
    Catalog(main).record(
        newest.name, Verdict(ok=False), ago(0.01)
    )  # the artifact in the main store is bad; the copy may be good
    for backup in Catalog(copy).backups():
        Catalog(copy).record(backup.name, Verdict(ok=True), ago(0.02))
    first, second = both(main, copy)
    assert rules(first)["old0"] is Rule.FAILING
    assert rules(second)["old0"] is Rule.STAYS_ELSEWHERE
    assert copy_backups(main, copy).backups == []


def test_copy_of_a_parent_needed_in_the_store_is_kept(main: FolderStore, copy: FolderStore) -> None:
    fill(main)
    copied(main, copy)
    parent = next(name for name in objects(main) if name.endswith("/old0.manifest.json"))
    first = preview(main, POLICY, other_store=view_of_copy_store(copy))
    gone = {
        name for name in first.to_delete if name.id != "old0"
    }  # as if the store kept it because another backup needs it
    clean(copy, POLICY, other_store=view_of_main_store(main, first, gone))
    assert parent in objects(copy)
    assert ids(copy) == YOUNG | {"old0"}


def test_retirement_in_the_store_applies_to_the_copy_store(main: FolderStore, copy: FolderStore) -> None:
    for number in range(3):
        put(main, 100 + number, f"only{number}")
    copied(main, copy)
    retire(main, "app", "sold", "me")
    both(main, copy)
    assert ids(main) == ids(copy) == set()


def test_interrupted_copy_is_not_swept_while_it_can_be_completed(
    tmp_path: Path, main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    (manifest,) = (name for name in objects(copy) if name.endswith("/b1.manifest.json"))
    (tmp_path / "copies" / manifest).unlink()
    left = {name for name in objects(copy) if "/b1." in name}
    for name in left:
        os.utime(tmp_path / "copies" / name, (ago(5).timestamp(),) * 2)
    both(main, copy)
    assert left <= objects(copy)
    assert [name.id for name in (backup.name for backup in Catalog(main).backups()) if name.id == "b1"] == ["b1"]
    clean(copy, POLICY)  # without the main store it is an orphan
    assert not left & objects(copy)


def test_cleanup_running_on_the_copy_store_does_not_block_the_main_store(
    workplace: Workplace, main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    with leased(copy, "cleanup", utc_now):
        outcome = workplace.run("cleanup", "--json", BACKUP_COPY_STORE="copies", ENVIRONMENT="production")
    assert outcome.code == 1
    assert outcome.json["deleted"] == 3
    assert "another cleanup is running" in outcome.json["copy"]["errors"][0]
    assert len(ids(copy)) == 8


def test_unreachable_copy_bucket_is_tried_once_and_the_store_is_cleaned(
    main: FolderStore, gcs: Proxy, bucket: str
) -> None:
    fill(main)
    silent = BucketStore(bucket, patience=Patience(first_delay=0.001, request=0.01, chunk=0.01))
    beside = view_of_copy_store(silent)
    gcs.faults.append(Refuse(lambda _: True, times=1000, status=503))
    before = len(gcs.seen)
    outcome = clean(main, POLICY, other_store=beside)
    assert ids(main) == YOUNG
    assert outcome.errors == []
    assert beside.failure is not None
    asked = {seen.target for seen in gcs.seen[before:]}
    assert len(asked) == 1  # the hold of the first backup to delete; later ones are not requested
    with pytest.raises(StoreError):
        view_of_copy_store(silent)


class TestCommand:
    """The command line and the job."""

    @pytest.fixture
    def run(self, workplace: Workplace, main: FolderStore, copy: FolderStore) -> Callable[..., Outcome]:
        fill(main, old=2)
        copied(main, copy)
        settings = {"ENVIRONMENT": "production", "BACKUP_COPY_STORE": "copies"}
        return lambda *arguments, **more: workplace.run(*arguments, **settings | more)

    def test_dry_run_shows_both_stores_and_deletes_nothing(
        self, run: Callable[..., Outcome], main: FolderStore, copy: FolderStore
    ) -> None:
        before = (objects(main), objects(copy))
        outcome = run("cleanup", "--dry-run")
        assert outcome.code == 0, outcome.err
        assert outcome.out.index("Store backups:") < outcome.out.index("Copy store copies:")
        assert outcome.out.count("Would delete 2 of 7 backups") == 2
        document = run("cleanup", "--dry-run", "--json").json
        assert (document["would_delete"], document["copy"]["would_delete"]) == (2, 2)
        assert document["copy"]["store"] == "copies"
        assert (objects(main), objects(copy)) == before

    def test_job_writes_events_and_audit_of_each_store(
        self, run: Callable[..., Outcome], main: FolderStore, copy: FolderStore
    ) -> None:
        outcome = run(module="jobs.cleanup", CLOUD_RUN_JOB="cleanup")
        assert outcome.code == 0, outcome.err
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        done = [line for line in lines if line["event"] == "cleanup.succeeded"]
        assert [(line["store"], line["deleted"]) for line in done] == [("backups", 2), ("copies", 2)]
        deeds = [(line["action"], line["target"]) for line in lines if line["event"] == "audit"]
        for url in ("backups", "copies"):
            assert deeds.count(("delete", url)) == 2
            assert deeds.count(("cleanup", url)) == 1
        assert ids(main) == ids(copy) == YOUNG

    @pytest.mark.parametrize("dry", [True, False])
    def test_unreachable_copy_store_fails_the_run_but_the_store_is_cleaned(
        self, run: Callable[..., Outcome], workplace: Workplace, main: FolderStore, *, dry: bool
    ) -> None:
        (workplace.folder / "no-folder").write_text("")
        outcome = run("cleanup", *(["--dry-run"] if dry else []), "--json", BACKUP_COPY_STORE="no-folder/copies")
        assert outcome.code == 1
        assert outcome.json["would_delete"] == 2
        (error,) = outcome.json["copy"]["errors"]
        assert error.startswith("the copy store no-folder/copies was not cleaned: ")
        assert len(ids(main)) == (7 if dry else 5)
        if not dry:
            assert outcome.err.count("cleanup.failed") == 1
            assert outcome.err.count("cleanup.succeeded") == 1

    def test_copy_store_inside_the_store_is_refused(self, run: Callable[..., Outcome], main: FolderStore) -> None:
        before = objects(main)
        outcome = run("cleanup", BACKUP_COPY_STORE="backups/copies")
        assert outcome.code == 2
        assert outcome.err.startswith("error: BACKUP_COPY_STORE is the store itself, or one lies inside the other")
        assert objects(main) == before
