"""Writes the audit trail: one object per event, with the hash of the writer's previous event.

Each process is a writer of its own, so that jobs which run at the same time never wait for each other. A writer numbers
its events, so that an event which could not be stored leaves a gap that `litekeep audit verify` reports.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock, utc_now
from shared.errors import LitekeepError
from shared.model.trail_names import EventName, new_nonce
from shared.stores import Store

_RETRY_AFTER = timedelta(minutes=1)  # so that a store that is down does not delay each event


class TrailWriter:
    """Stores the events of this process. `open_store` is called for the first one; it may return None for no store."""

    def __init__(self, open_store: Callable[[], Store | None], clock: Clock = utc_now) -> None:
        self._open_store = open_store
        self._clock = clock
        self._writer = new_nonce()
        self._number = 0
        self._previous: str | None = None
        self._store: Store | None = None
        self._failed_at: datetime | None = None

    def write(self, event: Mapping[str, Any]) -> str | None:
        """Stores one event. Returns why that failed, or None; never raises an error of the store."""
        now = self._clock()
        self._number += 1
        if self._failed_at is not None and now - self._failed_at < _RETRY_AFTER:
            return None  # the failure was reported already, and the missing number reveals this event too
        try:
            self._store = self._store or self._open_store()
            if self._store is None:
                self._number -= 1
                return None
            name = EventName(now, self._writer, self._number)
            content = _event_bytes(name, self._previous, event)
            self._store.create(name.object, content, {})
        except (LitekeepError, OSError) as error:
            self._failed_at = now
            return str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__
        self._previous, self._failed_at = hashlib.sha256(content).hexdigest(), None
        return None


def _event_bytes(name: EventName, previous: str | None, event: Mapping[str, Any]) -> bytes:
    """Returns the bytes of an event's object."""
    about = {"version": 1, "writer": name.writer, "number": name.number, "previous": previous}
    return json.dumps(about | {"event": dict(event)}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
