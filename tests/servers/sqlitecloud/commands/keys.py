"""Commands for client keys and for settings of the server."""

from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import GENERIC, Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.rowsets import table
from tests.servers.sqlitecloud.settings import DEFAULTS, READ_ONLY
from tests.servers.sqlitecloud.wire import Reply, Value

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session


@command("SET CLIENT KEY <key> TO <value>", before_auth=True)
def set_client_key(session: "Session", given: Arguments) -> Reply:
    session.client.set(given.text("key"), given.text("value"))
    return wire.OK


@command("GET CLIENT KEY <key>", before_auth=True)
def get_client_key(session: "Session", given: Arguments) -> Reply:
    return wire.string(session.client.get(given.text("key")))


@command("REMOVE CLIENT KEY <key>", before_auth=True)
def remove_client_key(session: "Session", given: Arguments) -> Reply:
    session.client.set(given.text("key"), "0")
    return wire.OK


@command("LIST CLIENT KEYS", before_auth=True)
def list_client_keys(session: "Session", given: Arguments) -> Rows:
    return table(["key", "value"], list(session.client.listing()))


@command("SET KEY <key> TO <value>", "SETTINGS")
def set_key(session: "Session", given: Arguments) -> Reply:
    if given.text("key") in READ_ONLY:
        raise Refusal(GENERIC, f"Key {given.text('key')} is read-only.")
    session.server.settings[given.text("key")] = given.text("value")
    return wire.OK


@command("GET KEY <key>", "SETTINGS")
def get_key(session: "Session", given: Arguments) -> Reply:
    return wire.value(session.server.settings.get(given.text("key")))


@command("REMOVE KEY <key>", "SETTINGS")
def remove_key(session: "Session", given: Arguments) -> Reply:
    key = given.text("key")
    session.server.settings.pop(key, None)
    if key in DEFAULTS:
        session.server.settings[key] = DEFAULTS[key]
    return wire.OK


@command("LIST KEYS [DETAILED] [NOREADONLY]", "SETTINGS")
def list_keys(session: "Session", given: Arguments) -> Rows:
    settings = session.server.settings
    names = [key for key in sorted(settings) if not (given.has("NOREADONLY") and key in READ_ONLY)]
    if not given.has("DETAILED"):
        return table(["key", "value"], [(key, settings[key]) for key in names])
    rows: list[tuple[Value, ...]] = [(key, settings[key], DEFAULTS.get(key), int(key in READ_ONLY)) for key in names]
    return table(["key", "value", "default_value", "readonly"], rows)
