"""The backups that an erasure applies to: clocks differ between machines, and a snapshot takes time."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.clock import CLOCKS_DIFFER_BY
from shared.keys.keyfile import KeyFile
from shared.model.manifest import Manifest
from shared.operations.erasure.ledger import read_ledger
from shared.operations.erasure.report import report
from shared.operations.erasure.rewrite import RewriteOptions, rewrite
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


def replays_erasure(yard: ErasureYard, made: Manifest) -> bool:
    target = yard.folder / f"{made.id}-back.db"
    yard.restored(made, target)
    return not traces(target, PERSON)


def backups_in_report(yard: ErasureYard) -> int:
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    return int(report(ledger, ledger.entries[0], [yard.store])["stores"][0]["backups_taken_before"])


@pytest.mark.parametrize("after", [*WITHIN, *BEYOND], ids=str)
def test_backup_dated_within_clock_tolerance_replays_erasure(yard: ErasureYard, after: timedelta) -> None:
    made = yard.backup(NOON + after)
    yard.erase(7, NOON)
    assert replays_erasure(yard, made) is (after in WITHIN)
    assert backups_in_report(yard) == (after in WITHIN)


def test_continuous_points_within_clock_tolerance_replay_erasure(yard: ErasureYard) -> None:
    before = yard.point(NOON - HOUR)
    within = [yard.point(NOON + after) for after in WITHIN[1:]]
    beyond = [yard.point(NOON + after) for after in BEYOND]
    yard.erase(7, NOON)
    assert [made.chain.cycle for made in (before, *within, *beyond) if made.chain] == list(range(6))
    assert [replays_erasure(yard, made) for made in (before, *within)] == [True] * 4
    assert [replays_erasure(yard, made) for made in beyond] == [False] * 2
    assert backups_in_report(yard) == 4


def test_erasure_during_snapshot_is_replayed(yard: ErasureYard) -> None:
    daily = yard.backup(NOON - SECOND, lasting=HOUR)
    point = yard.point(NOON - SECOND, lasting=HOUR)
    assert daily.created_at - NOON > CLOCKS_DIFFER_BY < point.created_at - NOON
    yard.erase(7, NOON)
    assert replays_erasure(yard, daily)
    assert replays_erasure(yard, point)
    assert backups_in_report(yard) == 2


def test_rewrite_includes_backups_within_clock_tolerance(yard: ErasureYard) -> None:
    fast, later = (yard.backup(NOON + after) for after in (CLOCKS_DIFFER_BY, HOUR))
    yard.erase(7, NOON)
    options = RewriteOptions(
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
    assert replays_erasure(yard, manifest)
    assert not rewrite(options).made
    assert later.id in {each.name.id for each in Catalog(yard.store).backups()}
