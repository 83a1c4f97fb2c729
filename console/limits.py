"""How often one person may send forms: what this instance has seen, in the last minute."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

A_MINUTE = 60.0
_MOST_PEOPLE = 1000


class RateLimit:
    """At most `most` a minute for each person."""

    def __init__(self, most: int = 12, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def allows(self, person: str) -> bool:
        """Returns whether one more is allowed now; it counts if so."""
        now = self._monotonic()
        with self._lock:
            own = self._seen.setdefault(person, deque(maxlen=self._most))
            self._seen.move_to_end(person)
            if len(self._seen) > _MOST_PEOPLE:
                self._seen.popitem(last=False)
            if len(own) == self._most and now - own[0] < A_MINUTE:
                return False
            own.append(now)
            return True
