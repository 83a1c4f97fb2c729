"""A restore's target in one's own project needs no key in its arguments, and no other host ever gets it."""

import pytest

from shared.terminal.own_project import with_own_key

OWN = "sqlitecloud://Node.sqlite.cloud:8860/orders?apikey=K&compression=1"


@pytest.mark.parametrize("url", ["sqlitecloud://node.sqlite.cloud/new", "SQLiteCloud://NODE.sqlite.cloud:8860/new"])
def test_the_same_host_gets_the_key(url: str) -> None:
    assert with_own_key(url, OWN) == "sqlitecloud://Node.sqlite.cloud:8860/new?apikey=K&compression=1"


def test_a_user_and_password_count_as_a_key() -> None:
    own = "sqlitecloud://me:secret@node.sqlite.cloud/orders"
    assert with_own_key("sqlitecloud://node.sqlite.cloud/new", own) == "sqlitecloud://me:secret@node.sqlite.cloud/new"


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
def test_anything_else_stays_as_it_is(url: str) -> None:
    assert with_own_key(url, OWN) == url


@pytest.mark.parametrize("own", [None, "", "file:app.db", "app.db"])
def test_without_a_project_of_ones_own_nothing_is_added(own: str | None) -> None:
    assert with_own_key("sqlitecloud://node.sqlite.cloud/new", own) == "sqlitecloud://node.sqlite.cloud/new"
    assert with_own_key("new.db", own) == "new.db"
