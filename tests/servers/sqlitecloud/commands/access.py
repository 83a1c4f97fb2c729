"""Commands for roles, users and API keys, as needed to set up least privilege."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.accounts import (
    PRIVILEGES,
    ApiKey,
    Role,
    User,
    check_unused,
    digest,
    expand,
    new_key,
)
from tests.servers.sqlitecloud.clock import parse, spaced
from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import GENERIC, NOT_FOUND, Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.rowsets import table
from tests.servers.sqlitecloud.wire import Reply, Value

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session


@command("CREATE ROLE <role> [PRIVILEGE <privilege>] [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def create_role(session: "Session", given: Arguments) -> Reply:
    roles, name = session.server.accounts.roles, given.text("role")
    check_unused(name in roles, "Role", name)
    privileges = expand(given.optional("privilege") or "NONE")
    roles[name] = Role(name, privileges, given.optional("db"), given.optional("table"))
    return wire.OK


@command("REMOVE ROLE <role>", "USERADMIN")
def remove_role(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    role = accounts.role(given.text("role"))
    if role.builtin:
        raise Refusal(GENERIC, f"Role {role.name} is built in.")
    del accounts.roles[role.name]
    return wire.OK


@command("GRANT PRIVILEGE <privilege> ROLE <role> [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def grant_privilege(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    role = accounts.role(given.text("role"))
    more = role.privileges | expand(given.text("privilege"))
    accounts.roles[role.name] = replace(role, privileges=more, database=given.optional("db") or role.database)
    return wire.OK


@command("REVOKE PRIVILEGE <privilege> ROLE <role> [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def revoke_privilege(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    role = accounts.role(given.text("role"))
    accounts.roles[role.name] = replace(role, privileges=role.privileges - expand(given.text("privilege")))
    return wire.OK


@command("LIST ROLES", "USERADMIN")
def list_roles(session: "Session", given: Arguments) -> Rows:
    rows: list[tuple[Value, ...]] = [
        (role.name, int(role.builtin), ",".join(sorted(role.privileges)), role.database, role.table)
        for role in session.server.accounts.roles.values()
    ]
    return table(["rolename", "builtin", "privileges", "databasename", "tablename"], rows)


@command("LIST PRIVILEGES")
def list_privileges(session: "Session", given: Arguments) -> Rows:
    return table(["name"], [(name,) for name in sorted(PRIVILEGES)])


@command("CREATE USER <user> PASSWORD <password> [ROLE <role>] [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def create_user(session: "Session", given: Arguments) -> Reply:
    accounts, name = session.server.accounts, given.text("user")
    check_unused(name in accounts.users, "User", name)
    user = User(name, digest(given.text("password")))
    if (role := given.optional("role")) is not None:
        user.roles.append((accounts.role(role).name, given.optional("db"), given.optional("table")))
    accounts.users[name] = user
    return wire.OK


@command("REMOVE USER <user>", "USERADMIN")
def remove_user(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    del accounts.users[accounts.user(given.text("user")).name]
    return wire.OK


@command("ENABLE USER <user>", "USERADMIN")
def enable_user(session: "Session", given: Arguments) -> Reply:
    session.server.accounts.user(given.text("user")).enabled = True
    return wire.OK


@command("DISABLE USER <user>", "USERADMIN")
def disable_user(session: "Session", given: Arguments) -> Reply:
    session.server.accounts.user(given.text("user")).enabled = False
    return wire.OK


@command("GRANT ROLE <role> USER <user> [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def grant_role(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    role = accounts.role(given.text("role")).name
    user = accounts.user(given.text("user"))
    user.roles.append((role, given.optional("db"), given.optional("table")))
    return wire.OK


@command("REVOKE ROLE <role> USER <user> [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def revoke_role(session: "Session", given: Arguments) -> Reply:
    accounts = session.server.accounts
    user, role = accounts.user(given.text("user")), accounts.role(given.text("role")).name
    user.roles = [held for held in user.roles if held[0] != role]
    return wire.OK


@command("LIST USERS", "USERADMIN")
def list_users(session: "Session", given: Arguments) -> Rows:
    users = session.server.accounts.users.values()
    return table(["username", "enabled"], [(user.name, int(user.enabled)) for user in users])


@command("LIST USERS WITH ROLES [DATABASE <db>] [TABLE <table>]", "USERADMIN")
def list_users_with_roles(session: "Session", given: Arguments) -> Rows:
    rows: list[tuple[Value, ...]] = []
    for user in session.server.accounts.users.values():
        head = (user.name, int(user.enabled))
        rows += [(*head, *role) for role in user.roles] or [(*head, None, None, None)]
    return table(["username", "enabled", "roles", "databasename", "tablename"], rows)


@command("CREATE APIKEY USER <user> NAME <name> [RESTRICTION <restriction>] [EXPIRATION <at>]", "USERADMIN")
def create_key(session: "Session", given: Arguments) -> Reply:
    server = session.server
    user = server.accounts.user(given.text("user")).name
    expires = None
    if (text := given.optional("at")) is not None:
        try:
            expires = parse(text)
        except ValueError:
            raise Refusal(GENERIC, f"Invalid expiration {text}.") from None
    value = new_key()
    server.accounts.keys[value] = ApiKey(value, user, given.text("name"), server.clock.now(), expires)
    return wire.string(value)


@command("REMOVE APIKEY <key>", "USERADMIN")
def remove_key(session: "Session", given: Arguments) -> Reply:
    if session.server.accounts.keys.pop(given.text("key"), None) is None:
        raise Refusal(NOT_FOUND, "The API key does not exist.")
    return wire.OK


@command("LIST APIKEYS [USER <user>]", "USERADMIN")
def list_keys(session: "Session", given: Arguments) -> Rows:
    return _keys(session, given.optional("user"))


@command("LIST MY APIKEYS")
def list_my_keys(session: "Session", given: Arguments) -> Rows:
    return _keys(session, session.user.name if session.user else None)


def _keys(session: "Session", user: str | None) -> Rows:
    rows: list[tuple[Value, ...]] = [
        (key.user, key.value, key.name, spaced(key.created), spaced(key.expires) if key.expires else None)
        for key in session.server.accounts.keys.values()
        if user in {None, key.user}
    ]
    return table(["username", "key", "name", "creation_date", "expiration_date"], rows)


@command("ADD ALLOWED IP <cidr> [ROLE <role>] [USER <user>]", "USERADMIN")
@command("REMOVE ALLOWED IP <cidr> [ROLE <role>] [USER <user>]", "USERADMIN")
def allowed_ip(session: "Session", given: Arguments) -> Reply:
    """Checks the format but does not enforce it: every client is local."""
    if not re.fullmatch(r"[0-9A-Fa-f:.]+(/\d+)?", given.text("cidr")):
        raise Refusal(GENERIC, f"Invalid address {given.text('cidr')}.")
    return wire.OK
