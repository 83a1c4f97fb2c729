"""A cycle makes a point from the changes, and each point restores exactly what was backed up."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import KeyProblem, LitekeepError
from shared.keys import WrappingKey
from shared.keys.keyfile import KeyFile
from shared.operations.continuous.cycle import Memory, Quiet
from shared.operations.verify.ladder import verify_backup
from tests.continuous.yard import MINUTE, NUMBERS, Yard


def test_point_contains_only_changed_pages(yard: Yard) -> None:
    base = yard.cycle()
    assert not isinstance(base, Quiet)
    assert [artifact.format for artifact in base.manifest.artifacts] == ["sqlite", "index"]
    point = yard.point("UPDATE t SET x = randomblob(300) WHERE id = 7")
    assert point.chain is not None
    assert (point.chain.parent, point.chain.base, point.chain.cycle) == (base.manifest.id, base.manifest.id, 1)
    assert 0 < point.chain.changed_pages <= 3
    pages = point.artifact("pages")  # type: ignore[arg-type]
    assert pages is not None
    assert pages.plain_size_bytes == point.chain.changed_pages * point.sqlite.page_size
    yard.check_every_point()


def test_unchanged_database_gets_a_mark_and_no_point(yard: Yard) -> None:
    yard.cycle()
    assert isinstance(yard.cycle(), Quiet)
    assert len(yard.points()) == 1
    assert [item.name.split("/")[1] for item in yard.store.list_objects("locks/")] == ["unchanged"]


def test_verifying_a_point_checks_its_whole_path(yard: Yard) -> None:
    yard.cycle()
    for n in range(1, 6):
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {n}")
    found = verify_backup(yard.catalog, yard.points()[-1], yard.key)
    assert found.ok, found.checks
    assert [check.name for check in found.checks] == [
        "manifest",
        "checksum",
        "decrypt",
        "identity",
        "image",
        "schema",
        "data",
    ]
    assert list(found.rests_on) == [backup.name.id for backup in yard.points()[:-1]]


def test_key_that_may_only_wrap_raises_and_makes_no_new_base(yard: Yard) -> None:
    yard.cycle()
    yard.write("DELETE FROM t WHERE id = 1")
    whole = yard.key
    assert whole is not None
    yard.key = _OnlyWraps(whole)
    with pytest.raises(KeyProblem, match="permission denied"):
        yard.cycle()
    assert len(yard.points()) == 1
    yard.key = whole
    yard.point("DELETE FROM t WHERE id = 2")


def test_new_key_starts_a_new_base(yard: Yard) -> None:
    yard.cycle()
    yard.key = KeyFile.create(yard.folder / "other.key")
    point = yard.point("DELETE FROM t WHERE id = 1")
    assert point.chain is not None
    assert point.chain.parent is None


def test_clock_set_back_raises_and_makes_no_point(yard: Yard) -> None:
    yard.cycle()
    yard.write("DELETE FROM t WHERE id = 1")
    with pytest.raises(LitekeepError, match=r"clock says .*12:00:00Z.*set the clock"):
        yard.cycle(after=-MINUTE)
    assert len(yard.points()) == 1
    yard.now += 2 * MINUTE
    yard.point("DELETE FROM t WHERE id = 2")
    yard.check_every_point()


def test_two_loops_make_restorable_points_side_by_side(yard: Yard, tmp_path: Path) -> None:
    yard.cycle()
    memories = [Memory(tmp_path / name) for name in ("one", "two")]
    for memory in memories:
        memory.folder.mkdir()
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {len(str(memory.folder))}", memory)
    for n in range(1, 5):
        for memory in memories:
            yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {n}", memory)
    assert len(yard.points()) == 11
    assert len({backup.chain.cycle for backup in yard.points()}) < 11
    yard.check_every_point()


@dataclass(frozen=True)
class _OnlyWraps:
    """A key of an identity that may encrypt but not decrypt."""

    key: WrappingKey

    @property
    def name(self) -> str:
        return self.key.name

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        return self.key.wrap(secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        raise KeyProblem("permission denied: grant roles/cloudkms.cryptoKeyDecrypter")


_WRITES = st.sampled_from(
    [
        f"{NUMBERS} INSERT INTO t SELECT NULL, randomblob(900) FROM n LIMIT 30",
        "UPDATE t SET x = randomblob(300) WHERE id % 37 = 0",
        "DELETE FROM t WHERE id % 3 = 0",
        "DELETE FROM t",
        "VACUUM",
        "PRAGMA auto_vacuum = 2; VACUUM",
        "PRAGMA incremental_vacuum(20)",
        "PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM",
        "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM",
        "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM",
        "PRAGMA journal_mode = DELETE; PRAGMA page_size = 65536; VACUUM",
        "ALTER TABLE t RENAME COLUMN x TO y; UPDATE t SET y = 'y' WHERE id < 9; ALTER TABLE t RENAME COLUMN y TO x",
        (
            "CREATE TABLE w (a, b); INSERT INTO w SELECT id, x FROM t; ALTER TABLE w ADD COLUMN c DEFAULT 7;"
            " ALTER TABLE w DROP COLUMN b; DROP TABLE IF EXISTS v; ALTER TABLE w RENAME TO v"
        ),
        "PRAGMA journal_mode = WAL",
        "PRAGMA journal_mode = DELETE",
        "CREATE TABLE IF NOT EXISTS u (a); INSERT INTO u VALUES (1)",
        "DROP TABLE IF EXISTS u",
        "SELECT 1",
    ]
)


_HOW = st.sampled_from(["job", "job", "loop", "two at once", "clock back"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(_WRITES, max_size=3), _HOW), min_size=1, max_size=9), st.sampled_from([1, 30, 300]))
def test_every_point_of_a_random_history_restores_byte_for_byte(
    tmp_path_factory: object, histories: list[tuple[list[str], str]], minutes: int
) -> None:
    yard, every = Yard(Path(tmp_path_factory.mktemp("yard"))), timedelta(minutes=minutes)  # type: ignore[attr-defined]
    memories = [Memory(yard.folder / name) for name in ("one", "two")]
    for memory in memories:
        memory.folder.mkdir()
    for writes, how in histories:
        for sql in writes:
            yard.write(sql)
        if how == "clock back":
            with suppress(LitekeepError):
                yard.cycle(after=-every)
            yard.now += 2 * every
        elif how == "job":
            yard.cycle(after=every)
        else:
            for memory in memories[: 1 if how == "loop" else 2]:
                yard.cycle(memory, after=every)
    yard.cycle(after=every)
    assert yard.points()
    yard.check_every_point()
    for backup in yard.points():
        before = backup.created_at - timedelta(seconds=1)
        older = [each for each in yard.points() if each.created_at <= before]
        assert not older or yard.catalog.find("latest", at=before).created_at <= before
