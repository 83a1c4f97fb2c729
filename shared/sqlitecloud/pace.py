"""Ends a transfer whose average pace stays below a floor.

Each reply has a deadline, but without a floor a node that answers each request with one byte, just in time, would keep
the transfer going for ever.
"""

import time
from collections.abc import Callable

from shared.sqlitecloud.failures import TimedOut

SLOWEST = 16 << 10  # bytes a second, on average since the transfer began
_STALLS = 6  # this many silences of the longest kind are allowed on top


class Pace:
    """Watches one transfer. `timeout` is the connection's longest silence, in seconds."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._forgiven = _STALLS * timeout

    def check(self, done: int) -> None:
        """Raises TimedOut when `done` bytes are fewer than the time since the beginning allows."""
        passed = self._clock() - self._began
        if passed > self._forgiven + done / SLOWEST:
            raise TimedOut(
                f"only {done} bytes came in {passed:.0f} s, below {SLOWEST >> 10} KiB a second: "
                "check the network and the node, or raise timeout in DATABASE_URL"
            )
