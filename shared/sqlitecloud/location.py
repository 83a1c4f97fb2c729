"""The location of a database in a SQLite Cloud project.

A location contains a credential, in a field that `repr` omits.
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
        """The identity of the database, the same on every machine."""
        return self.display, None

    def beside(self, label: str) -> "CloudLocation":
        """Returns the location `NAME-LABEL`, with the same file ending, in the same project."""
        name = PurePath(self.database)
        return self.named(f"{name.stem}-{label}{name.suffix}")

    def named(self, database: str) -> "CloudLocation":
        """Returns the location of another database in the same project."""
        return replace(self, database=database)
