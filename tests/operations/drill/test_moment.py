"""A drill restores a moment of the chain, chosen by its seed, and reports the age of the data."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import rfc3339
from shared.keys.keyfile import KeyFile
from shared.operations.drill.attempt import Role
from shared.operations.drill.choice import choose
from shared.operations.drill.drill import Drill
from shared.operations.drill.page import to_markdown
from shared.operations.drill.plot import draw
from shared.operations.drill.publish import _point
from shared.operations.drill.report import to_json
from shared.operations.drill.run import DrillOptions, drill_database
from shared.operations.verify.ladder import verify_backup
from tests.continuous.yard import MINUTE, Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path, KeyFile.create(tmp_path / "app.key"))
    yard.cycle()
    for number in range(1, 5):
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {number}", after=7 * MINUTE)
    verify_backup(yard.catalog, yard.points()[-1], yard.key, clock=lambda: yard.now)
    return yard


def _drill(yard: Yard, seed: int) -> Drill:
    options = DrillOptions(yard.catalog, None, yard.key, [], seed)
    return drill_database(options, "app.db", yard.catalog.backups(), clock=lambda: yard.now + MINUTE)


def test_drill_restores_newest_point_before_moment_and_reports_its_age(yard: Yard) -> None:
    points, chosen = yard.points(), set()
    for seed in (1, 2, 3):
        drill = _drill(yard, seed)
        tried = drill.attempt(Role.MOMENT)
        assert tried is not None
        assert tried.moment is not None
        assert tried.recovered, tried
        assert points[0].created_at <= tried.moment <= points[-1].created_at
        assert tried.created_at == max(each.created_at for each in points if each.created_at <= tried.moment)
        assert tried.data_age_seconds == (tried.moment - tried.created_at).total_seconds()
        assert timedelta(0) <= tried.moment - tried.created_at < 7 * MINUTE
        chosen.add(tried.moment)
    assert len(chosen) == 3
    document = next(each for each in to_json(drill)["restores"] if each["role"] == "moment")
    assert (document["moment"], document["data_age_seconds"]) == (rfc3339(tried.moment), tried.data_age_seconds)
    assert f"A restore as of {tried.moment:%Y-%m-%d %H:%M:%S} UTC" in to_markdown(drill)
    assert "any moment" in draw([_point(drill)])


def test_same_seed_chooses_same_moment(yard: Yard) -> None:
    one, other = (_drill(yard, 7).attempt(Role.MOMENT) for _ in range(2))
    assert one is not None
    assert other is not None
    assert (one.moment, one.backup) == (other.moment, other.backup)


def test_moment_that_cannot_be_restored_fails_drill(yard: Yard) -> None:
    first = yard.points()[1]  # all later points build on it
    path = yard.folder / "backups" / f"{first.name.prefix}.pages.zst.enc"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    chosen = {seed: choose(yard.catalog.backups(), seed).moment for seed in range(50)}
    seed = next(seed for seed, moment in chosen.items() if moment and moment > first.created_at)
    drill = _drill(yard, seed)
    tried = drill.attempt(Role.MOMENT)
    assert tried is not None
    assert tried.not_good
    assert any("moment backup" in finding for finding in drill.findings), drill.findings
