"""A node that answers each request just in time, with next to nothing, does not keep a transfer going for ever."""

import pytest

from shared.sqlitecloud.failures import TimedOut
from shared.sqlitecloud.pace import SLOWEST, Pace


class Hours:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_byte_each_two_seconds_ends_after_six_silences() -> None:
    clock = Hours()
    pace = Pace(5.0, clock)
    for step in range(1, 16):
        clock.now = step * 2.0
        pace.check(step)
    clock.now = 32.0
    with pytest.raises(TimedOut, match="only 16 bytes came in 32 s, below 16 KiB a second"):
        pace.check(16)


def test_a_slow_line_with_a_long_silence_goes_on() -> None:
    clock = Hours()
    pace = Pace(10.0, clock)
    for second in range(1, 3600):
        clock.now += 1.0
        pace.check(second * 2 * SLOWEST)
    clock.now += 55.0
    pace.check(3600 * 2 * SLOWEST)
