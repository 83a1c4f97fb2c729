"""Which backups an erasure concerns: clocks of two machines differ, and a snapshot takes its time."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.clock import CLOCKS_DIFFER_BY
from shared.keys.keyfile import KeyFile
from shared.model.manifest import Manifest
from shared.operations.erasure.ledger import read_ledger
from shared.operations.erasure.report import report
from shared.operations.erasure.rewrite import RewriteOrder, rewrite
from shared.retention.removal import delete_backup
from tests.operations.erasure.builders import traces
from tests.operations.erasure.yard import NOON, ErasureYard

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
WITHIN = [-HOUR, SECOND, CLOCKS_DIFFER_BY - SECOND, CLOCKS_DIFFER_BY]
BEYOND = [CLOCKS_DIFFER_BY + SECOND, HOUR]
PERSON = "person7@people.example"


@pytest.fixture
def yard(tmp_path: Path) -> ErasureYard:
    return ErasureYard(tmp_path, KeyFile.create(tmp_path / "app.key"))


def forgets(yard: ErasureYard, made: Manifest) -> bool:
    target = yard.folder / f"{made.id}-back.db"
    yard.restored(made, target)
    return not traces(target, PERSON)


def counted(yard: ErasureYard) -> int:
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    return int(report(ledger, ledger.entries[0], [yard.store])["stores"][0]["backups_taken_before"])


@pytest.mark.parametrize("after", [*WITHIN, *BEYOND], ids=str)
def test_a_backup_by_a_clock_that_is_fast_within_the_tolerance_has_forgotten(
    yard: ErasureYard, after: timedelta
) -> None:
    made = yard.backup(NOON + after)
    yard.erase(7, NOON)
    assert forgets(yard, made) is (after in WITHIN)
    assert counted(yard) == (after in WITHIN)


def test_points_of_the_chain_by_a_fast_clock_have_forgotten(yard: ErasureYard) -> None:
    before = yard.point(NOON - HOUR)
    within = [yard.point(NOON + after) for after in WITHIN[1:]]
    beyond = [yard.point(NOON + after) for after in BEYOND]
    yard.erase(7, NOON)
    assert [made.chain.cycle for made in (before, *within, *beyond) if made.chain] == list(range(6))
    assert [forgets(yard, made) for made in (before, *within)] == [True] * 4
    assert [forgets(yard, made) for made in beyond] == [False] * 2
    assert counted(yard) == 4


def test_what_was_erased_while_the_snapshot_was_being_made_is_forgotten(yard: ErasureYard) -> None:
    daily = yard.backup(NOON - SECOND, lasting=HOUR)
    point = yard.point(NOON - SECOND, lasting=HOUR)
    assert daily.created_at - NOON > CLOCKS_DIFFER_BY < point.created_at - NOON
    yard.erase(7, NOON)
    assert forgets(yard, daily)
    assert forgets(yard, point)
    assert counted(yard) == 2


def test_a_rewrite_makes_those_anew_that_a_fast_clock_dated(yard: ErasureYard) -> None:
    fast, later = (yard.backup(NOON + after) for after in (CLOCKS_DIFFER_BY, HOUR))
    yard.erase(7, NOON)
    options = RewriteOrder(
        yard.store,
        None,
        yard.key,
        None,
        frozenset(),
        remove=lambda name: delete_backup(yard.store, name.manifest, force=True) and None,
    )
    done = rewrite(options)
    assert (list(done.made), done.failed) == ([fast.id], {})
    (new,) = (each for each in Catalog(yard.store).backups() if each.name.id == done.made[fast.id])
    manifest, _ = Catalog(yard.store).read_manifest(new)
    assert forgets(yard, manifest)
    assert not rewrite(options).made
    assert later.id in {each.name.id for each in Catalog(yard.store).backups()}
