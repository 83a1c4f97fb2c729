"""Checks that the next backup could be taken: the key wraps, and each store accepts an object."""

from collections.abc import Callable

from shared.archive.data_key import DataKey
from shared.errors import LitekeepError
from shared.events.log import Event
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.monitor.finding import Finding
from shared.stores import Store
from shared.stores.probe import probe

_PROBE_NAME = BackupName(Kind.ON_DEMAND, "monitor", "monitor")


def probe_key(open_key: Callable[[], WrappingKey | None]) -> list[Finding]:
    """Wraps a new data key. Unwrapping is not tried, so that the monitor needs no permission to read backups."""
    try:
        key = open_key()
        if key is not None:
            DataKey.generate().wrap(key, _PROBE_NAME)
    except LitekeepError as error:
        return [Finding(Event.MONITOR_KEY_UNUSABLE, f"the next backup will fail: {error}", {})]
    return []


def probe_store(open_store: Callable[[], Store], url: str) -> list[Finding]:
    """Creates a small object, and deletes it if that is allowed."""
    try:
        probe(open_store())
    except LitekeepError as error:
        message = f"the next backup will fail: {error}"
        return [Finding(Event.MONITOR_STORE_UNWRITABLE, message, {"store": url})]
    return []
