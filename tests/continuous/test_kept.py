"""Backups that a point needs are kept with it: by cleanups, holds, deletions and copies."""

from datetime import timedelta

import pytest

from shared.catalog.holds import hold, release
from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, NotGood
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.backup.take import Taken
from shared.operations.copy import copy_backups
from shared.operations.verify.ladder import verify_backup
from shared.retention.cleanup import clean
from shared.retention.plan import Candidate, RetentionPolicy, Rule
from shared.retention.removal import delete_backup
from shared.retention.rules import plan
from shared.stores.folder import FolderStore
from tests.continuous.yard import MINUTE, NOON, WEEK, Yard

POLICY = RetentionPolicy(dict.fromkeys(Kind, WEEK))


def test_nightly_cleanup_leaves_only_restorable_points(yard: Yard) -> None:
    for cycle in range(44):
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {cycle % 50 + 1}", after=timedelta(hours=6))
        if cycle % 4 == 3:
            verify_backup(yard.catalog, yard.points()[-1], yard.key, clock=lambda: yard.now)
            outcome = clean(yard.store, POLICY, clock=lambda: yard.now)
            assert not outcome.errors
            yard.check_every_point()
    oldest, *_, newest = yard.points()
    assert timedelta(days=7) <= newest.created_at - oldest.created_at <= timedelta(days=8, hours=1)
    assert len(yard.points()) < 40


def test_stopped_chain_expires_although_most_backups_are_points() -> None:
    now = NOON + timedelta(days=20)
    points = [
        Candidate(BackupName(Kind.CONTINUOUS, "app.db", f"p{n}"), NOON + n * MINUTE, verified=True) for n in range(400)
    ]
    dailies = [
        Candidate(BackupName(Kind.DAILY, "app.db", f"d{n}"), now - timedelta(days=n, hours=1), verified=True)
        for n in range(5)
    ]
    made = plan([*points, *dailies], POLICY, now)
    assert {decision.rule for decision in made.decisions if decision.backup in points} == {Rule.EXPIRED}
    assert not made.refused


def test_backup_that_a_point_needs_cannot_be_deleted(yard: Yard) -> None:
    yard.cycle()
    point = yard.point("DELETE FROM t WHERE id < 9")
    base = yard.points()[0].name.id
    with pytest.raises(LitekeepError, match=f"{point.id} cannot be restored without it"):
        delete_backup(yard.store, base, clock=lambda: yard.now)


class _Bucket(FolderStore):
    """A folder with object holds, like a bucket."""

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        assert generation
        self.__dict__.setdefault("held", set())
        (self.held.add if held else self.held.discard)(name)


def test_hold_on_a_point_holds_its_path_until_released(yard: Yard) -> None:
    yard.store = bucket = _Bucket(yard.folder / "backups")
    yard.cycle()
    first, second = (yard.point(f"DELETE FROM t WHERE id = {n}") for n in (1, 2))
    everything = {item.name for item in bucket.list_objects("continuous/")}
    hold(bucket, second.id, "evidence", "someone")
    assert bucket.held == everything
    hold(bucket, first.id, "more evidence", "someone")
    release(bucket, second.id)
    assert bucket.held == {name for name in everything if second.id not in name}
    release(bucket, first.id)
    assert bucket.held == set()


def test_copying_a_point_copies_its_path_first(yard: Yard) -> None:
    yard.cycle()
    yard.point("DELETE FROM t WHERE id = 1")
    last = yard.point("DELETE FROM t WHERE id = 2")
    other = FolderStore(yard.folder / "copy")
    done = copy_backups(yard.store, other, [yard.catalog.find(last.id)])
    assert done.backups == [backup.name.id for backup in yard.points()]
    yard.store = other
    yard.check_every_point()


def test_copy_store_gets_the_path_of_each_point(yard: Yard) -> None:
    yard.cycle()
    yard.copies = other = FolderStore(yard.folder / "copy")
    taken = [yard.cycle() for n in range(3) if yard.write(f"DELETE FROM t WHERE id = {n + 1}") is None]
    assert all(isinstance(each, Taken) and each.copy_error is None for each in taken)
    yard.store = other
    assert len(yard.points()) == 4
    yard.check_every_point()


def test_point_is_not_copied_if_its_parent_fails(yard: Yard) -> None:
    yard.cycle()
    point = yard.point("DELETE FROM t WHERE id = 1")
    base = yard.points()[0].name
    (yard.folder / "backups" / f"{base.prefix}.index.enc").write_bytes(b"x")
    done = copy_backups(yard.store, FolderStore(yard.folder / "copy"))
    assert set(done.failed) == {base.id, point.id}
    assert Catalog(FolderStore(yard.folder / "copy")).backups() == []


def test_circular_parents_are_reported(yard: Yard) -> None:
    yard.cycle()
    point = yard.point("DELETE FROM t WHERE id = 1")
    manifest = yard.folder / "backups" / point.name.manifest
    raw = manifest.read_text()
    assert point.chain is not None
    manifest.write_text(raw.replace(f'"parent": "{point.chain.parent}"', f'"parent": "{point.id}"'))
    found = yard.points()[-1]
    assert found.wrong == f"it builds on {point.id}, which builds on itself"
    with pytest.raises(NotGood):
        yard.restored(found)
