"""Sends the events of this process to Cloud Logging, some at a time; what cannot be sent fails nothing."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.clock import Clock, utc_now
from shared.errors import LitekeepError
from shared.remote_log.lines import LogLine

_MOST = 100  # events that wait
_OLDEST = timedelta(seconds=10)
_AGAIN_AFTER = timedelta(minutes=1)
_ROOM = 5000  # events that are kept while Cloud Logging is out of reach
_AT_ONCE = frozenset({"ERROR", "CRITICAL", "EMERGENCY"})


class Log(Protocol):
    """A log that takes lines. Raises LitekeepError."""

    def write(self, lines: Sequence[LogLine]) -> None: ...


class Sender:
    """`told` hears why events could not be sent, and None once they could."""

    def __init__(self, open_log: Callable[[], Log], told: Callable[[str | None], None], clock: Clock = utc_now) -> None:
        self._open_log = open_log
        self._told = told
        self._clock = clock
        self._log: Log | None = None
        self._waiting: list[LogLine] = []
        self._failed_at: datetime | None = None
        self._run = secrets.token_hex(8)
        self._number = 0

    def add(self, event: Mapping[str, Any]) -> None:
        """Takes an event; sends what waits when there is much of it, when it is old, and on an error at once."""
        now = self._clock()
        self._number += 1
        fields = {name: value for name, value in event.items() if name not in ("severity", "time")}
        severity = str(event.get("severity", "INFO"))
        self._waiting.append(LogLine(f"{self._run}-{self._number:06d}", now, severity, fields))
        del self._waiting[:-_ROOM]
        if severity in _AT_ONCE or len(self._waiting) >= _MOST or now - self._waiting[0].time > _OLDEST:
            self.flush()

    def flush(self) -> None:
        """Sends what waits. After a failure it is tried again a minute later."""
        now = self._clock()
        if not self._waiting or (self._failed_at is not None and now - self._failed_at < _AGAIN_AFTER):
            return
        try:
            self._log = self._log or self._open_log()
            for at in range(0, len(self._waiting), _MOST):
                self._log.write(self._waiting[at : at + _MOST])
        except ImportError:
            self._failed_at = now
            self._told("Google's library for it is not installed here")
        except LitekeepError as error:
            self._failed_at = now
            self._told(str(error))
        else:
            self._waiting.clear()
            self._failed_at = None
            self._told(None)
