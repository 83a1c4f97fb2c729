"""Where a database of a SQLite Cloud project is.

The location carries a credential, in a field that no `repr` shows.
"""

from dataclasses import dataclass, replace
from pathlib import PurePath

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

    @property
    def resolved(self) -> tuple[str, str | None]:
        """What it is, from whichever machine."""
        return self.display, None

    def beside(self, label: str) -> "CloudLocation":
        """A new database beside it: `NAME-LABEL` with its ending."""
        name = PurePath(self.database)
        return self.named(f"{name.stem}-{label}{name.suffix}")

    def named(self, database: str) -> "CloudLocation":
        """Another database of the same project."""
        return replace(self, database=database)
