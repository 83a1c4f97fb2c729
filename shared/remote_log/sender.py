"""Sends the events of this process to Cloud Logging in batches. A failure to send never fails the run."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.clock import Clock, utc_now
from shared.errors import LitekeepError
from shared.remote_log.lines import LogLine

_BATCH = 100  # events
_MAX_WAIT = timedelta(seconds=10)
_RETRY_AFTER = timedelta(minutes=1)
_MAX_WAITING = 5000  # events kept while Cloud Logging is not reachable; the oldest are dropped
_AT_ONCE = frozenset({"ERROR", "CRITICAL", "EMERGENCY"})


class Log(Protocol):
    """A log that lines are written to. Raises LitekeepError."""

    def write(self, lines: Sequence[LogLine]) -> None: ...


class Sender:
    """Collects events and sends them. Calls `report` with the reason of each failure, and with None after success."""

    def __init__(
        self, open_log: Callable[[], Log], report: Callable[[str | None], None], clock: Clock = utc_now
    ) -> None:
        self._open_log = open_log
        self._report = report
        self._clock = clock
        self._log: Log | None = None
        self._waiting: list[LogLine] = []
        self._failed_at: datetime | None = None
        self._run = secrets.token_hex(8)
        self._number = 0

    def add(self, event: Mapping[str, Any]) -> None:
        """Queues an event. Sends the queue at 100 events, after 10 seconds, and immediately for an error."""
        now = self._clock()
        self._number += 1
        fields = {name: value for name, value in event.items() if name not in ("severity", "time")}
        severity = str(event.get("severity", "INFO"))
        self._waiting.append(LogLine(f"{self._run}-{self._number:06d}", now, severity, fields))
        del self._waiting[:-_MAX_WAITING]
        if severity in _AT_ONCE or len(self._waiting) >= _BATCH or now - self._waiting[0].time > _MAX_WAIT:
            self.flush()

    def flush(self) -> None:
        """Sends the queue. Does nothing within a minute after a failure."""
        now = self._clock()
        if not self._waiting or (self._failed_at is not None and now - self._failed_at < _RETRY_AFTER):
            return
        try:
            self._log = self._log or self._open_log()
            for at in range(0, len(self._waiting), _BATCH):
                self._log.write(self._waiting[at : at + _BATCH])
        except ImportError:
            self._failed_at = now
            self._report("Google's library for it is not installed")
        except LitekeepError as error:
            self._failed_at = now
            self._report(str(error))
        else:
            self._waiting.clear()
            self._failed_at = None
            self._report(None)
