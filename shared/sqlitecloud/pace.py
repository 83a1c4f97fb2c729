"""Aborts a transfer that is too slow, and limits the time of all its attempts together.

Each reply has a deadline, but a node that answers each request with one byte, just in time, could keep a transfer going
forever. So each window of time requires a minimum rate: a fast start does not compensate for a slow end. All attempts
of one transfer share a time limit.
"""

import time
from collections import deque
from collections.abc import Callable

from shared.sqlitecloud.failures import CloudError, TimedOut

SLOWEST = 16 << 10  # bytes a second, averaged over each window
_SILENCES = 6  # the length of a window, in timeouts of the connection
_PARTS = 12  # samples in a window
_GRACE_WINDOWS = 4  # added to the time that the bytes take at the minimum rate, for all attempts together

Clock = Callable[[], float]


class Pace:
    """Checks the rate of one attempt. `window` is in seconds."""

    def __init__(self, window: float, clock: Clock = time.monotonic) -> None:
        self._window = window
        self._clock = clock
        self._samples = deque([(clock(), 0)])  # (time, bytes so far); the first is at least one window old

    def check(self, done: int) -> None:
        """Raises TimedOut if the last window had fewer bytes than the minimum rate. `done` is the bytes so far."""
        now = self._clock()
        if now - self._samples[-1][0] >= self._window / _PARTS:
            self._samples.append((now, done))
        while len(self._samples) > 1 and now - self._samples[1][0] >= self._window:
            self._samples.popleft()
        since, before = self._samples[0]
        if now - since >= self._window and done - before < SLOWEST * self._window:
            raise TimedOut(
                f"only {done - before} bytes arrived in {now - since:.0f} s, below {SLOWEST >> 10} KiB a second: "
                "check the network and the node, or raise timeout in DATABASE_URL"
            )


class Transfer:
    """One transfer with all its attempts. `timeout` is the connection's longest silence, in seconds."""

    def __init__(self, timeout: float, clock: Clock = time.monotonic) -> None:
        self._window = _SILENCES * timeout
        self._clock = clock
        self._began = clock()

    def attempt(self, size: int) -> "TransferAttempt":
        """Begins the next attempt at `size` bytes. Raises CloudError if the time limit has passed."""
        attempt = TransferAttempt(self, Pace(self._window, self._clock), size)
        self.check_end(size)
        return attempt

    def check_end(self, size: int) -> None:
        """Raises CloudError, which is not retried, if the whole transfer takes too long."""
        passed, most = self._clock() - self._began, _GRACE_WINDOWS * self._window + size / SLOWEST
        if passed > most:
            raise CloudError(
                f"the transfer of {size} bytes took {passed:.0f} s over all attempts, above the limit of {most:.0f} s: "
                "check the network and the node, or raise timeout in DATABASE_URL"
            )


class TransferAttempt:
    """One attempt of a transfer."""

    def __init__(self, transfer: Transfer, pace: Pace, size: int) -> None:
        self._transfer = transfer
        self._pace = pace
        self._size = size

    def check(self, done: int) -> None:
        """Call after each arrival; `done` is the number of bytes so far. Raises TimedOut or CloudError."""
        self._pace.check(done)
        self._transfer.check_end(self._size)
