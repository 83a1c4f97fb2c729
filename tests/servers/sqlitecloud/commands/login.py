"""The four forms of AUTH. A failed login closes the connection after the reply."""

from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.accounts import User, digest, from_hash
from tests.servers.sqlitecloud.errors import Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.sqlitecloud.session import Session


@command("AUTH USER <user> PASSWORD <password>", before_auth=True)
def by_password(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    return _log_in(session, lambda: accounts.by_password(given.text("user"), digest(given.text("password"))))


@command("AUTH USER <user> HASH <hash>", before_auth=True)
def by_hash(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    return _log_in(session, lambda: accounts.by_password(given.text("user"), from_hash(given.text("hash"))))


@command("AUTH APIKEY <apikey>", before_auth=True)
def by_key(session: "Session", given: Arguments) -> Reply:
    server = session.server
    return _log_in(session, lambda: server.accounts.by_key(given.text("apikey"), server.clock.now()))


@command("AUTH TOKEN <token>", before_auth=True)
def by_token(session: "Session", given: Arguments) -> Reply:
    return _log_in(session, lambda: session.server.accounts.by_token(given.text("token")))


def _log_in(session: "Session", check: "Callable[[], User]") -> Reply:
    try:
        session.user = check()
    except Refusal:
        session.closing = True
        raise
    return wire.OK
