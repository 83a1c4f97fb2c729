"""Limits how many forms one person may send in a minute. Each instance counts on its own."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

_WINDOW = 60.0  # seconds
_MOST_PEOPLE = 1000


class RateLimit:
    """Allows each person `most` forms a minute."""

    def __init__(self, most: int = 12, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def allows(self, person: str) -> bool:
        """Returns whether that person may send one more form now, and counts it if so."""
        now = self._monotonic()
        with self._lock:
            own = self._seen.setdefault(person, deque(maxlen=self._most))
            self._seen.move_to_end(person)
            if len(self._seen) > _MOST_PEOPLE:
                self._seen.popitem(last=False)
            if len(own) == self._most and now - own[0] < _WINDOW:
                return False
            own.append(now)
            return True
