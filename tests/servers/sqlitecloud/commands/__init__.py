"""The platform's commands, entered into the table of tests.servers.sqlitecloud.grammar on import."""

from tests.servers.sqlitecloud.commands import (
    access,
    backups,
    databases,
    keys,
    listings,
    login,
    node,
    testing,
    transfers,
)

__all__ = ["access", "backups", "databases", "keys", "listings", "login", "node", "testing", "transfers"]
