"""Checks of source, store and key for `litekeep health` and `litekeep init`."""

from collections.abc import Callable

from shared.archive.data_key import DataKey
from shared.clock import utc_now
from shared.databases.interface import Condition
from shared.databases.snapshot import live_database
from shared.errors import LitekeepError
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.settings import Settings
from shared.stores import open_store
from shared.stores.probe import probe
from shared.terminal.parts import source_of


def check(name: str, look: Callable[[], str]) -> Condition:
    """Returns the result of `look` as a condition; a LitekeepError makes it a failed one."""
    try:
        return Condition(name, ok=True, detail=look())
    except LitekeepError as error:
        return Condition(name, ok=False, detail=str(error))


def check_source(settings: Settings, *, restores: bool = False) -> list[Condition]:
    """Checks the source: one condition for a file, one for each need of a backup on SQLite Cloud.

    `restores` adds the needs of a restore on SQLite Cloud.
    """
    try:
        location = source_of(settings)
    except LitekeepError as error:
        return [Condition("source", ok=False, detail=str(error))]
    return list(live_database(location).health(utc_now(), restores=restores))


def try_store(url: str) -> str:
    """Lists the store, and writes and removes a small object. Returns the result in words. Raises StoreError."""
    opened = open_store(url)
    probe(opened)
    return f"{opened.url}: listed, written, removed"


def try_key(key: WrappingKey | None) -> str:
    """Wraps and unwraps a new data key, as backup and restore do. Returns the result in words. Raises KeyProblem."""
    if key is None:
        return "none: backups are NOT encrypted"
    name = BackupName(Kind.ON_DEMAND, "health", "health")
    DataKey.unwrap(DataKey.generate().wrap(key, name), key, name)
    return f"{key.name}: wraps and unwraps"
