"""Cleanup of both stores: by the same rules, a hold in either protects in both, and no copy goes before its backup."""

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
from shared.retention import Outcome as Cleaned
from shared.retention import clean, preview
from shared.retention.elsewhere import seen_from_copy, seen_from_main
from shared.retention.lease import leased
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
    first = clean(main, POLICY, elsewhere=seen_from_main(copy))
    return first, clean(copy, POLICY, elsewhere=seen_from_copy(main, first, first.deleted))


def rules(outcome: Cleaned) -> dict[str, Rule]:
    return {decision.backup.name.id: decision.rule for decision in outcome.plan.decisions}


def copied(main: FolderStore, copy: FolderStore) -> None:
    """As a backup run copies: everything but the verdicts, which come later and to the main store."""
    for name in objects(main):
        if ".verified-" not in name:
            with main.open(name) as stream:
                copy.create(name, stream.read(), {})


def test_what_goes_from_the_store_goes_from_the_copy_store_though_only_the_first_was_verified(
    main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    first, second = both(main, copy)
    assert (len(first.deleted), len(second.deleted)) == (3, 3)
    assert ids(main) == ids(copy) == YOUNG


def test_another_backup_under_the_same_id_proves_nothing(main: FolderStore, copy: FolderStore) -> None:
    fill(main)
    for number in range(5):
        put(copy, 1.01 + number, f"b{1 + number}", verified=None)
    put(copy, 100.01, "old0", verified=None)
    _, second = both(main, copy)
    assert rules(second)["old0"] is Rule.UNPROVEN
    assert second.deleted == set()


@pytest.mark.parametrize("held_in", ["main", "copy"])
def test_a_hold_in_either_store_protects_in_both(main: FolderStore, copy: FolderStore, held_in: str) -> None:
    fill(main)
    copied(main, copy)
    hold(main if held_in == "main" else copy, "old1", "incident 42", "me")
    first, second = both(main, copy)
    assert ids(main) == ids(copy) == YOUNG | {"old1"}
    other = second if held_in == "main" else first
    reason = next(each.reason for each in other.plan.decisions if each.backup.name.id == "old1")
    assert reason == f"held: incident 42 (in {main.url if held_in == 'main' else copy.url})"


@pytest.mark.parametrize("held_in", ["main", "copy"])
def test_a_hold_that_comes_when_both_were_listed_still_protects(
    main: FolderStore, copy: FolderStore, held_in: str
) -> None:
    fill(main)
    copied(main, copy)
    beside = seen_from_main(copy)
    if held_in == "copy":
        hold(copy, "old1", "now", "me")
    first = clean(main, POLICY, elsewhere=beside)
    if held_in == "copy":
        assert ids(main) == YOUNG | {"old1"}
        assert any("old1 of app was not deleted: it is held" in error for error in first.errors)
        return
    old = next(name for name in first.deleted if name.id == "old1")
    main.create(old.hold, json.dumps({"reason": "now", "held_by": "me", "held_at": "2024-01-01"}).encode(), {})
    second = clean(copy, POLICY, elsewhere=seen_from_copy(main, first, first.deleted))
    assert ids(copy) == YOUNG | {"old1"}
    assert any("old1 of app was not deleted: it is held" in error for error in second.errors)


def test_no_copy_goes_while_the_store_does_not_tell_what_it_holds(main: FolderStore, copy: FolderStore) -> None:
    class Silent(FolderStore):
        def open(self, name: str, generation: str | None = None):  # type: ignore[no-untyped-def]
            raise StoreError("out of reach")

    fill(main)
    copied(main, copy)
    before = ids(copy)
    first = clean(main, POLICY, elsewhere=seen_from_main(copy))
    assert ids(main) == YOUNG
    second = clean(copy, POLICY, elsewhere=seen_from_copy(Silent(Path(main.url)), first, first.deleted))
    assert ids(copy) == before
    assert any("out of reach" in error for error in second.errors)


def test_a_copy_whose_backup_is_gone_before_its_time_stays_until_that_is_over(
    main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    for name in [name for name in objects(main) if "/b1." in name or "/b2." in name]:
        (Path(main.url) / name).unlink()
    for backup in Catalog(copy).backups():
        Catalog(copy).record(backup.name, Verdict(ok=True), ago(0.02))
    both(main, copy)
    assert ids(main) == {"b3", "b4", "b5"}
    assert ids(copy) == YOUNG


def test_the_last_good_ones_of_an_emptied_store_stay_in_the_copy_store(main: FolderStore, copy: FolderStore) -> None:
    for number in range(6):
        put(copy, 100 + number, f"only{number}")
    both(main, copy)
    assert len(ids(copy)) == 6


def test_what_stays_in_the_store_past_its_time_is_not_deleted_and_copied_again_for_ever(
    main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    newest = next(backup for backup in Catalog(main).backups() if backup.name.id == "b1")
    Catalog(main).record(newest.name, Verdict(ok=False), ago(0.01))  # its artifact there is bad; the copy may be good
    for backup in Catalog(copy).backups():
        Catalog(copy).record(backup.name, Verdict(ok=True), ago(0.02))
    first, second = both(main, copy)
    assert rules(first)["old0"] is Rule.FAILING
    assert rules(second)["old0"] is Rule.STAYS_ELSEWHERE
    assert copy_backups(main, copy).backups == []


def test_a_parent_that_a_backup_in_the_store_needs_stays_for_the_copy_that_is_to_come(
    main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    parent = next(name for name in objects(main) if name.endswith("/old0.manifest.json"))
    first = preview(main, POLICY, elsewhere=seen_from_main(copy))
    gone = {name for name in first.going if name.id != "old0"}  # as where the store keeps it because it is needed
    clean(copy, POLICY, elsewhere=seen_from_copy(main, first, gone))
    assert parent in objects(copy)
    assert ids(copy) == YOUNG | {"old0"}


def test_a_database_that_is_retired_in_the_store_is_retired_in_the_copy_store(
    main: FolderStore, copy: FolderStore
) -> None:
    for number in range(3):
        put(main, 100 + number, f"only{number}")
    copied(main, copy)
    retire(main, "app", "sold", "me")
    both(main, copy)
    assert ids(main) == ids(copy) == set()


def test_an_interrupted_copy_is_not_swept_while_it_can_be_completed(
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
    clean(copy, POLICY)  # by itself it is an orphan
    assert not left & objects(copy)


def test_another_cleanup_of_the_copy_store_does_not_keep_ours_from_the_store(
    workplace: Workplace, main: FolderStore, copy: FolderStore
) -> None:
    fill(main)
    copied(main, copy)
    with leased(copy, "cleanup", utc_now):
        outcome = workplace.run("cleanup", "--json", BACKUP_COPY_STORE="copies", ENVIRONMENT="production")
    assert outcome.code == 1
    assert outcome.json["deleted"] == 3
    assert "another cleanup is at work" in outcome.json["copy"]["errors"][0]
    assert len(ids(copy)) == 8


def test_a_silent_bucket_of_copies_is_waited_for_once_and_the_store_is_cleaned(
    main: FolderStore, gcs: Proxy, bucket: str
) -> None:
    fill(main)
    silent = BucketStore(bucket, patience=Patience(first_delay=0.001, request=0.01, chunk=0.01))
    beside = seen_from_main(silent)
    gcs.faults.append(Refuse(lambda _: True, times=1000, status=503))
    before = len(gcs.seen)
    outcome = clean(main, POLICY, elsewhere=beside)
    assert ids(main) == YOUNG
    assert outcome.errors == []
    assert beside.silence is not None
    asked = {seen.target for seen in gcs.seen[before:]}
    assert len(asked) == 1  # the hold of the first backup to go; then it is not asked again
    with pytest.raises(StoreError):
        seen_from_main(silent)


class TestCommand:
    """As a person and a job call it."""

    @pytest.fixture
    def run(self, workplace: Workplace, main: FolderStore, copy: FolderStore) -> Callable[..., Outcome]:
        fill(main, old=2)
        copied(main, copy)
        settings = {"ENVIRONMENT": "production", "BACKUP_COPY_STORE": "copies"}
        return lambda *arguments, **more: workplace.run(*arguments, **settings | more)

    def test_a_dry_run_shows_both_stores_and_deletes_nothing(
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

    def test_the_job_writes_an_event_and_the_audit_of_each_store(
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
    def test_a_copy_store_that_cannot_be_reached_fails_the_run_and_not_the_cleanup(
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

    def test_a_copy_store_inside_the_store_is_refused_before_anything_is_touched(
        self, run: Callable[..., Outcome], main: FolderStore
    ) -> None:
        before = objects(main)
        outcome = run("cleanup", BACKUP_COPY_STORE="backups/copies")
        assert outcome.code == 2
        assert outcome.err.startswith("error: BACKUP_COPY_STORE is the store itself, or one lies inside the other")
        assert objects(main) == before
