"""The server's clock: stopped until moved, or running."""

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time in UTC. A clock that is not `running` moves only by advance()."""

    def __init__(self, start: datetime = START, *, running: bool = False) -> None:
        self._now = start
        self._shift = timedelta()
        self._running = running
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return (datetime.now(UTC) if self._running else self._now) + self._shift

    def advance(self, seconds: float) -> datetime:
        with self._lock:
            self._shift += timedelta(seconds=seconds)
        return self.now()


def stamp(moment: datetime) -> str:
    """Formats a time as `2026-01-01T00:00:00Z`, with a fraction only if it has one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def spaced(moment: datetime) -> str:
    """Formats a time as `2026-01-01 00:00:00`, for connection and expiry dates."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def parse(text: str) -> datetime:
    """Parses any ISO time; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
