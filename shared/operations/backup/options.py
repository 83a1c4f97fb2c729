"""What is asked for when a backup is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import Format
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.stores import Store


@dataclass(frozen=True)
class BackupOptions:
    """What to back up, to where, and as what. `key` None stores in clear. Without a `name` the time gives it one,
    after `prefix`.

    `skip_unchanged`: a backup that a schedule asks for may be left out when nothing was written since the last one.
    """

    location: FileLocation | CloudLocation
    store: Store
    key: WrappingKey | None
    kind: Kind
    keep_for: timedelta
    environment: str
    formats: tuple[Format, ...] = (Format.SQL, Format.SQLITE)
    name: str | None = None
    prefix: str = "backup-"
    copy_store: Store | None = None
    allow_corrupt: bool = False
    skip_unchanged: bool = False
    note: str | None = None  # a line for people, kept in the manifest
    marks: Mapping[str, str | int] = field(default_factory=dict)  # further fields of the manifest
