"""Continuous backups: one point per cycle, and every point can be restored."""

from contextlib import closing

import apsw
import pytest

from tests.cli.conftest import Workplace
from tests.continuous.yard import Yard


def _write(workplace: Workplace, name: str) -> None:
    with closing(apsw.Connection(str(workplace.database))) as connection:
        connection.execute("UPDATE users SET name = ? WHERE id = 1", (name,))


def _name_in(workplace: Workplace, file: str) -> str:
    with closing(apsw.Connection(str(workplace.folder / file))) as connection:
        return str(connection.execute("SELECT name FROM users WHERE id = 1").get)


@pytest.fixture
def points(workplace: Workplace) -> list[dict[str, str]]:
    """The JSON documents of `backup --kind continuous` for a base and two increments."""
    made = []
    for name in ("Ada", "Grace", "Edith"):
        _write(workplace, name)
        made.append(workplace.good("backup", "--kind", "continuous", "--json").json)
    return made


def test_every_point_restores_by_id_and_by_time(workplace: Workplace, points: list[dict[str, str]]) -> None:
    for number, (point, name) in enumerate(zip(points, ("Ada", "Grace", "Edith"), strict=True)):
        by_id = workplace.good("restore", "--backup", point["id"], "--to", f"id{number}.db", "--verify", "--json").json
        assert (by_id["id"], _name_in(workplace, f"id{number}.db")) == (point["id"], name)
    latest = points[-1]
    done = workplace.good("restore", "--at", "2999-01-01T00:00:00Z", "--to", "at.db", "--json").json
    assert done["id"] == latest["id"]
    assert any("before the moment asked for" in note for note in done["notes"])
    assert _name_in(workplace, "at.db") == "Edith"
    assert workplace.good("verify", "--backup", latest["id"], "--json").json[0]["ok"] is True
    workplace.good("export", "--backup", latest["id"], "--output", "plain.sql")
    assert "Edith" in (workplace.folder / "plain.sql").read_text()
    workplace.good("restore", "--backup", points[1]["id"], "--table", "users", "--to", "users.db")
    assert _name_in(workplace, "users.db") == "Grace"


def test_no_point_is_taken_without_changes(workplace: Workplace, points: list[dict[str, str]]) -> None:
    done = workplace.good("backup", "--kind", "continuous", "--json").json
    assert done == {"skipped": "unchanged", "backup_id": points[-1]["id"]}


def test_unrestorable_point_names_the_nearest_good_ones(workplace: Workplace, points: list[dict[str, str]]) -> None:
    _, second, third = (point["id"] for point in points)
    next((workplace.store / "continuous/app.db").glob(f"{third}.pages.*")).unlink()
    refused = workplace.run("restore", "--at", "2999-01-01T00:00:00Z", "--to", "x.db")
    assert refused.code == 3
    assert f"{third} cannot be restored" in refused.err
    assert f"can be restored: {second}, taken" in refused.err
    assert not (workplace.folder / "x.db").exists()
    workplace.good("restore", "--at", "2999-01-01T00:00:00Z", "--nearest", "--to", "x.db")
    assert _name_in(workplace, "x.db") == "Grace"


def test_damage_found_during_restore_names_the_nearest_good_points(
    workplace: Workplace, points: list[dict[str, str]]
) -> None:
    first, second, third = (point["id"] for point in points)
    pages = next((workplace.store / "continuous/app.db").glob(f"{second}.pages.*"))
    content = bytearray(pages.read_bytes())
    content[len(content) // 2] ^= 1
    pages.write_bytes(content)
    for how in (("--at", "2999-01-01T00:00:00Z"), ("--backup", third)):
        refused = workplace.run("restore", *how, "--to", "x.db")
        assert refused.code == 3
        assert f"can be restored: {first}, taken" in refused.err
    workplace.good("restore", "--at", "2999-01-01T00:00:00Z", "--nearest", "--to", "x.db")
    assert _name_in(workplace, "x.db") == "Ada"
    assert workplace.run("verify", "--backup", third).code == 3


@pytest.mark.parametrize("flag", [("--name", "x"), ("--format", "sql"), ("--allow-corrupt",)])
def test_flags_that_points_do_not_support_are_refused(workplace: Workplace, flag: tuple[str, ...]) -> None:
    refused = workplace.run("backup", "--kind", "continuous", *flag)
    assert (refused.code, flag[0] in refused.err) == (2, True)
    assert not workplace.store.exists()


def test_nearest_needs_at(workplace: Workplace) -> None:
    assert workplace.run("restore", "--backup", "latest", "--nearest", "--to", "x.db").code == 2


@pytest.fixture
def history(workplace: Workplace) -> Workplace:
    """Points of 12:01, 12:02 and 12:03, each with its time in a row."""
    yard = Yard(workplace.folder)
    yard.cycle()
    for moment in ("12:02", "12:03"):
        yard.point(f"UPDATE t SET x = '{moment}' WHERE id = 7")
    return workplace


def _row_in(workplace: Workplace, file: str) -> object:
    with closing(apsw.Connection(str(workplace.folder / file))) as connection:
        return connection.execute("SELECT x FROM t WHERE id = 7").get


BETWEEN = ("--at", "2024-01-15T12:02:40Z")


def test_in_place_restore_at_a_time_takes_a_safety_backup(history: Workplace) -> None:
    done = history.good("restore", *BETWEEN, "--in-place", "--json", BACKUP_KEY="none").json
    assert (done["id"], _row_in(history, "app.db")) == ("backup-2024-01-15-120200", "12:02")
    assert any("40 s before the moment asked for" in note for note in done["notes"]), done["notes"]
    assert done["safety"].startswith("before-restore-")
    history.good("restore", "--backup", done["safety"], "--to", "was.db", BACKUP_KEY="none")
    assert _row_in(history, "was.db") == "12:03"


def test_table_schema_and_export_at_a_time(history: Workplace) -> None:
    def tables(file: str) -> list[object]:
        with closing(apsw.Connection(str(history.folder / file))) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]

    history.good("restore", *BETWEEN, "--table", "t", "--to", "table.db", BACKUP_KEY="none")
    assert (tables("table.db"), _row_in(history, "table.db")) == (["t"], "12:02")
    history.good("restore", *BETWEEN, "--schema-only", "--to", "schema.db", BACKUP_KEY="none")
    assert "users" in tables("schema.db")
    assert _row_in(history, "schema.db") is None
    history.good("export", *BETWEEN, "--output", "whole.sqlite", BACKUP_KEY="none")
    assert _row_in(history, "whole.sqlite") == "12:02"
    history.good("export", *BETWEEN, "--output", "whole.sql", BACKUP_KEY="none")
    assert "'12:02'" in (history.folder / "whole.sql").read_text()
