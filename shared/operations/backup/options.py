"""The options of a backup."""

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
    """Which database to back up, to which store, and as which kind.

    Without `key` the backup is stored unencrypted. Without `name` its id is `prefix` and the time. `skip_unchanged`
    skips a scheduled backup when nothing was written since the last one.
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
    note: str | None = None  # a line for people, stored in the manifest
    marks: Mapping[str, str | int] = field(default_factory=dict)  # more fields of the manifest
