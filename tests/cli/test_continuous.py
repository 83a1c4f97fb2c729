"""Continuous backups as a person meets them: a point a cycle, any of them brought back, and nothing in its stead."""

from contextlib import closing

import apsw
import pytest

from tests.cli.conftest import Workplace


def _write(workplace: Workplace, name: str) -> None:
    with closing(apsw.Connection(str(workplace.database))) as connection:
        connection.execute("UPDATE users SET name = ? WHERE id = 1", (name,))


def _name_in(workplace: Workplace, file: str) -> str:
    with closing(apsw.Connection(str(workplace.folder / file))) as connection:
        return str(connection.execute("SELECT name FROM users WHERE id = 1").get)


@pytest.fixture
def points(workplace: Workplace) -> list[dict[str, str]]:
    """What `backup --kind continuous --json` said of a base and two increments."""
    made = []
    for name in ("Ada", "Grace", "Edith"):
        _write(workplace, name)
        made.append(workplace.good("backup", "--kind", "continuous", "--json").json)
    return made


def test_any_point_comes_back_by_its_id_or_its_moment(workplace: Workplace, points: list[dict[str, str]]) -> None:
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


def test_nothing_written_makes_no_point(workplace: Workplace, points: list[dict[str, str]]) -> None:
    done = workplace.good("backup", "--kind", "continuous", "--json").json
    assert done == {"skipped": "unchanged", "backup_id": points[-1]["id"]}


def test_a_point_that_cannot_be_restored_is_told_with_the_nearest_that_can(
    workplace: Workplace, points: list[dict[str, str]]
) -> None:
    _, second, third = (point["id"] for point in points)
    next((workplace.store / "continuous/app.db").glob(f"{third}.pages.*")).unlink()
    refused = workplace.run("restore", "--at", "2999-01-01T00:00:00Z", "--to", "x.db")
    assert refused.code == 3
    assert f"{third} cannot be restored" in refused.err
    assert f"can be restored: {second}, taken" in refused.err
    assert not (workplace.folder / "x.db").exists()
    workplace.good("restore", "--at", "2999-01-01T00:00:00Z", "--nearest", "--to", "x.db")
    assert _name_in(workplace, "x.db") == "Grace"


def test_damage_that_only_the_restore_finds_names_the_nearest_too(
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
def test_what_no_point_can_be_is_refused(workplace: Workplace, flag: tuple[str, ...]) -> None:
    refused = workplace.run("backup", "--kind", "continuous", *flag)
    assert (refused.code, flag[0] in refused.err) == (2, True)
    assert not workplace.store.exists()


def test_nearest_goes_with_a_moment(workplace: Workplace) -> None:
    assert workplace.run("restore", "--backup", "latest", "--nearest", "--to", "x.db").code == 2
