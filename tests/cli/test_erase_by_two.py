"""Restoring erased rows needs two persons."""

from pathlib import Path

from tests.cli.test_approvals import Staff, staff
from tests.cli.test_erase import ANA, erase
from tests.operations.erasure.builders import database, traces

__all__ = ["staff"]


def test_without_erasures_needs_an_approved_request(staff: Staff) -> None:
    place = staff.place
    place.database.unlink()
    database(
        place.database,
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT)",
        f"INSERT INTO users VALUES(1, '{ANA}')",
    )
    place.good("backup", "--name", "one", "--verify")
    assert erase(place).code == 0
    alone = place.run("restore", "--backup", "one", "--to", "restored-x.db", "--without-erasures")
    assert (alone.code, "litekeep request restore --without-erasures" in alone.err) == (4, True)
    export = place.run("export", "--backup", "one", "--output", "x.sql", "--without-erasures")
    assert export.code == 4
    request = staff.ask("ana", "--backup", "one", "--to", "restored-x.db", "--without-erasures")
    assert place.run("restore", "--request", request).code == 4
    assert "  without_erasures: " in staff.good("ben", "approve", request, "--yes").out
    place.good("restore", "--request", request)
    assert traces(Path(place.folder) / "restored-x.db", ANA) == ["utf-8"]
    usual = staff.ask("ana", "--backup", "one", "--to", "restored-y.db")
    staff.good("ben", "approve", usual, "--yes")
    assert place.run("restore", "--request", usual, "--without-erasures").code == 2
    place.good("restore", "--request", usual)
    assert traces(Path(place.folder) / "restored-y.db", ANA) == []
