"""Whether source, store and key do their work: what `litekeep health` shows and `litekeep init` tries."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.archive.data_key import DataKey
from shared.clock import utc_now
from shared.databases.snapshot import check_readable
from shared.errors import LitekeepError
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.settings import Settings
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from shared.stores.probe import probe
from shared.terminal.parts import source_of


@dataclass(frozen=True)
class Checked:
    """`ok` None: not known, or not needed."""

    name: str
    ok: bool | None
    detail: str


def check(name: str, look: Callable[[], str]) -> Checked:
    """What `look` says, or why it failed."""
    try:
        return Checked(name, ok=True, detail=look())
    except LitekeepError as error:
        return Checked(name, ok=False, detail=str(error))


def check_source(settings: Settings, *, restores: bool = False) -> list[Checked]:
    """Of a file a line, of SQLite Cloud one for each thing that a backup needs, and with `restores` a restore."""
    try:
        location = source_of(settings)
    except LitekeepError as error:
        return [Checked("source", ok=False, detail=str(error))]
    if not isinstance(location, CloudLocation):
        return [check("source", lambda: f"{location.display}: {check_readable(location)}")]
    from shared.sqlitecloud.health import check as check_cloud  # noqa: PLC0415 - files need no driver

    looked = check_cloud(location.address, location.database, utc_now(), restores=restores)
    return [Checked(found.name, found.ok, found.detail) for found in looked]


def try_store(url: str) -> str:
    """Lists it, writes and removes a tiny object. Raises StoreError."""
    opened = open_store(url)
    probe(opened)
    return f"{opened.url}: listed, written, removed"


def try_key(key: WrappingKey | None) -> str:
    """Wraps and unwraps a fresh data key, as a backup and a restore would. Raises KeyProblem."""
    if key is None:
        return "none: backups are NOT encrypted"
    name = BackupName(Kind.ON_DEMAND, "health", "health")
    DataKey.unwrap(DataKey.generate().wrap(key, name), key, name)
    return f"{key.name}: wraps and unwraps"
