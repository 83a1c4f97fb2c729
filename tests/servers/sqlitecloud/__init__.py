"""A SQLite Cloud server for tests: the SCSP protocol on top of real SQLite. See README.md."""

from tests.servers.sqlitecloud.accounts import Accounts
from tests.servers.sqlitecloud.clock import Clock
from tests.servers.sqlitecloud.server import APIKEY, PASSWORD, TOKEN, USER, Server

__all__ = ["APIKEY", "PASSWORD", "TOKEN", "USER", "Accounts", "Clock", "Server"]
