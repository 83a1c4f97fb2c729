"""A target in the project of DATABASE_URL needs no credential, and no other host gets it."""

import pytest

from shared.terminal.own_project import with_project_credentials

OWN = "sqlitecloud://Node.sqlite.cloud:8860/orders?apikey=K&compression=1"


@pytest.mark.parametrize("url", ["sqlitecloud://node.sqlite.cloud/new", "SQLiteCloud://NODE.sqlite.cloud:8860/new"])
def test_location_on_the_same_host_gets_the_credentials(url: str) -> None:
    assert with_project_credentials(url, OWN) == "sqlitecloud://Node.sqlite.cloud:8860/new?apikey=K&compression=1"


def test_user_and_password_are_added() -> None:
    own = "sqlitecloud://me:secret@node.sqlite.cloud/orders"
    assert (
        with_project_credentials("sqlitecloud://node.sqlite.cloud/new", own)
        == "sqlitecloud://me:secret@node.sqlite.cloud/new"
    )


@pytest.mark.parametrize(
    "url",
    [
        "sqlitecloud://other.sqlite.cloud/new",
        "sqlitecloud://node.sqlite.cloud:8861/new",
        "sqlitecloud://node.sqlite.cloud.evil.example/new",
        "sqlitecloud://x@node.sqlite.cloud/new",
        "sqlitecloud://@node.sqlite.cloud/new",
        "sqlitecloud://node.sqlite.cloud/new?apikey=other",
        "sqlitecloud://node.sqlite.cloud/new#x",
        "sqlitecloud://node.sqlite.cloud:port/new",
        "sqlitecloud://[node.sqlite.cloud/new",
        "https://node.sqlite.cloud/new",
        "file:new.db",
        "new.db",
        "",
    ],
)
def test_other_locations_are_unchanged(url: str) -> None:
    assert with_project_credentials(url, OWN) == url


@pytest.mark.parametrize("own", [None, "", "file:app.db", "app.db"])
def test_nothing_is_added_without_a_project(own: str | None) -> None:
    assert with_project_credentials("sqlitecloud://node.sqlite.cloud/new", own) == "sqlitecloud://node.sqlite.cloud/new"
    assert with_project_credentials("new.db", own) == "new.db"
