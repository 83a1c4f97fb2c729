"""The backups that a drill restores."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog.backup import Backup
from shared.catalog.summary import summarise
from shared.model.kinds import Kind
from shared.model.manifest import Integrity
from shared.model.names import BackupName
from shared.operations.drill.choice import choose
from shared.stores import StoredObject
from tests.builders import make_manifest
from tests.operations.drill.yard import SUNDAY


def backup(hours_ago: float, *, verified: bool | None = True, good: bool = True, **changes: Any) -> Backup:
    name = BackupName(Kind.DAILY, "app.db", f"b{hours_ago:g}")
    created_at = SUNDAY - timedelta(hours=hours_ago)
    summary = summarise(make_manifest(created_at=created_at, integrity=Integrity(good=good)))
    made = Backup(name, created_at, StoredObject(name.manifest, 1, created_at, "1"), summary, None, verified)
    return replace(made, **changes)


def test_latest_is_newest_verified_backup() -> None:
    choice = choose([backup(1, verified=None), backup(2, verified=False), backup(3), backup(4)], 1)
    assert choice.latest is not None
    assert choice.latest.name.id == "b3"


def test_older_backup_is_never_a_known_bad_one() -> None:
    backups = [
        backup(1),
        backup(2, verified=False),
        backup(3, good=False),
        backup(4, damaged="its manifest is no JSON"),
        backup(5, verified=None),
        backup(6),
    ]
    chosen = {choice.older.name.id for seed in range(50) if (choice := choose(backups, seed)).older}
    assert chosen == {"b5", "b6"}
    assert choose(backups, 1).candidates == 2


def test_without_a_verified_backup_nothing_is_chosen() -> None:
    choice = choose([backup(1, verified=None), backup(2, verified=False)], 1)
    assert (choice.latest, choice.older, choice.candidates) == (None, None, 0)


def test_latest_backup_with_damaged_manifest_is_still_chosen() -> None:
    choice = choose([backup(1, damaged="its manifest is no JSON"), backup(2)], 1)
    assert choice.latest is not None
    assert choice.latest.damaged


def test_single_backup_has_no_older_one() -> None:
    assert choose([backup(1)], 1).older is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=40, unique=True), st.integers(0, 1 << 32), st.randoms())
def test_choice_depends_on_seed_not_on_listing_order(hours: list[int], seed: int, chance: random.Random) -> None:
    backups = [backup(hour) for hour in hours]
    first = choose(backups, seed)
    chance.shuffle(backups)
    assert choose(backups, seed) == first
    assert first.latest is not None
    assert first.older is not None
    assert first.older.created_at < first.latest.created_at


def test_every_older_backup_can_be_chosen() -> None:
    backups = [backup(hour) for hour in range(1, 12)]
    chosen = {choice.older.name.id for seed in range(300) if (choice := choose(backups, seed)).older}
    assert chosen == {f"b{hour}" for hour in range(2, 12)}
