"""The platform's commands, registered in tests.servers.sqlitecloud.grammar on import."""

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
