"""Where a database of a SQLite Cloud project is.

The location carries a credential, in a field that no `repr` shows.
"""

from dataclasses import dataclass

from shared.sqlitecloud.connection_string import Address


@dataclass(frozen=True)
class CloudLocation:
    """A database of a SQLite Cloud project; it need not exist yet."""

    address: Address
    database: str

    @property
    def display(self) -> str:
        """`sqlitecloud://HOST[:PORT]/NAME`: no user, no password, no key."""
        return f"{self.address.display}/{self.database}"
