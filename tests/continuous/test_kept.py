"""What a point rests on stays as long as the point does: through cleanups, holds, deletions and copies."""

from datetime import timedelta

import pytest

from shared.catalog.holds import hold, release
from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, NotGood
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.backup import Taken
from shared.operations.copy import copy_backups
from shared.operations.verify.ladder import verify_backup
from shared.retention.cleanup import clean
from shared.retention.plan import Candidate, RetentionPolicy, Rule
from shared.retention.removal import delete_backup
from shared.retention.rules import plan
from shared.stores.folder import FolderStore
from tests.continuous.yard import MINUTE, NOON, WEEK, Yard

POLICY = RetentionPolicy(dict.fromkeys(Kind, WEEK))


def test_every_night_s_cleanup_leaves_only_points_that_come_back(yard: Yard) -> None:
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


def test_a_stopped_chain_goes_though_most_backups_are_its_points() -> None:
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


def test_what_a_point_needs_is_not_deleted_before_it(yard: Yard) -> None:
    yard.cycle()
    point = yard.point("DELETE FROM t WHERE id < 9")
    base = yard.points()[0].name.id
    with pytest.raises(LitekeepError, match=f"{point.id} cannot be restored without it"):
        delete_backup(yard.store, base, clock=lambda: yard.now)


class _Bucket(FolderStore):
    """A folder that can hold objects, as a bucket does."""

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        assert generation
        self.__dict__.setdefault("held", set())
        (self.held.add if held else self.held.discard)(name)


def test_a_held_point_holds_its_path_in_the_store_and_lets_go_of_what_no_other_needs(yard: Yard) -> None:
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


def test_a_copy_of_a_point_brings_its_path_first(yard: Yard) -> None:
    yard.cycle()
    yard.point("DELETE FROM t WHERE id = 1")
    last = yard.point("DELETE FROM t WHERE id = 2")
    other = FolderStore(yard.folder / "copy")
    done = copy_backups(yard.store, other, [yard.catalog.find(last.id)])
    assert done.backups == [backup.name.id for backup in yard.points()]
    yard.store = other
    yard.check_every_point()


def test_the_copy_store_never_has_a_point_without_its_path(yard: Yard) -> None:
    yard.cycle()
    yard.copies = other = FolderStore(yard.folder / "copy")
    taken = [yard.cycle() for n in range(3) if yard.write(f"DELETE FROM t WHERE id = {n + 1}") is None]
    assert all(isinstance(each, Taken) and each.copy_error is None for each in taken)
    yard.store = other
    assert len(yard.points()) == 4
    yard.check_every_point()


def test_a_point_whose_parent_could_not_be_copied_is_not_copied(yard: Yard) -> None:
    yard.cycle()
    point = yard.point("DELETE FROM t WHERE id = 1")
    base = yard.points()[0].name
    (yard.folder / "backups" / f"{base.prefix}.index.enc").write_bytes(b"x")
    done = copy_backups(yard.store, FolderStore(yard.folder / "copy"))
    assert set(done.failed) == {base.id, point.id}
    assert Catalog(FolderStore(yard.folder / "copy")).backups() == []


def test_a_listing_that_goes_in_circles_ends(yard: Yard) -> None:
    yard.cycle()
    point = yard.point("DELETE FROM t WHERE id = 1")
    manifest = yard.folder / "backups" / point.name.manifest
    raw = manifest.read_text()
    assert point.chain is not None
    manifest.write_text(raw.replace(f'"parent": "{point.chain.parent}"', f'"parent": "{point.id}"'))
    found = yard.points()[-1]
    assert found.wrong == f"it builds on {point.id}, which builds on itself"
    with pytest.raises(NotGood):
        yard.brought_back(found)
