"""Ends a transfer that is too slow, or that would never end.

Each reply has a deadline, but without a floor a node that answers each request with one byte, just in time, would keep
the transfer going for ever. The floor holds in each window of time: a fast beginning earns no slow end. And all
attempts of one transfer together have one end.
"""

import time
from collections import deque
from collections.abc import Callable

from shared.sqlitecloud.failures import CloudError, TimedOut

SLOWEST = 16 << 10  # bytes a second, on average over each window
_SILENCES = 6  # a window is as long as this many silences of the longest kind
_PARTS = 12  # of a window: how often it is noted how far the transfer is
_GRACE_WINDOWS = 4  # that all attempts together may take beyond what the floor allows for the bytes

Clock = Callable[[], float]


class Pace:
    """Watches one attempt. `window` is in seconds."""

    def __init__(self, window: float, clock: Clock = time.monotonic) -> None:
        self._window = window
        self._clock = clock
        self._noted = deque([(clock(), 0)])  # when, and how many bytes there were; the first is a window old, or more

    def check(self, done: int) -> None:
        """Raises TimedOut when the bytes of the last window are fewer than the floor asks for."""
        now = self._clock()
        if now - self._noted[-1][0] >= self._window / _PARTS:
            self._noted.append((now, done))
        while len(self._noted) > 1 and now - self._noted[1][0] >= self._window:
            self._noted.popleft()
        since, before = self._noted[0]
        if now - since >= self._window and done - before < SLOWEST * self._window:
            raise TimedOut(
                f"only {done - before} bytes came in {now - since:.0f} s, below {SLOWEST >> 10} KiB a second: "
                "check the network and the node, or raise timeout in DATABASE_URL"
            )


class Transfer:
    """One transfer, whatever the number of attempts. `timeout` is the connection's longest silence, in seconds."""

    def __init__(self, timeout: float, clock: Clock = time.monotonic) -> None:
        self._window = _SILENCES * timeout
        self._clock = clock
        self._began = clock()

    def attempt(self, size: int) -> "TransferAttempt":
        """The next attempt, at `size` bytes. Raises CloudError when there is no time left for it."""
        attempt = TransferAttempt(self, Pace(self._window, self._clock), size)
        self.check_end(size)
        return attempt

    def check_end(self, size: int) -> None:
        """Raises CloudError, after which nothing is tried again, when the whole transfer takes too long."""
        passed, most = self._clock() - self._began, _GRACE_WINDOWS * self._window + size / SLOWEST
        if passed > most:
            raise CloudError(
                f"the transfer of {size} bytes took {passed:.0f} s over all attempts, and at most {most:.0f} s are "
                "waited for: check the network and the node, or raise timeout in DATABASE_URL"
            )


class TransferAttempt:
    """One attempt of a transfer."""

    def __init__(self, transfer: Transfer, pace: Pace, size: int) -> None:
        self._transfer = transfer
        self._pace = pace
        self._size = size

    def check(self, done: int) -> None:
        """To be called whenever bytes have come; `done` is how many. Raises TimedOut or CloudError."""
        self._pace.check(done)
        self._transfer.check_end(self._size)
