"""Slow transfers: a node that sends almost nothing, just in time, cannot keep a transfer going for ever."""

import pytest

from shared.sqlitecloud.failures import CloudError, TimedOut
from shared.sqlitecloud.pace import SLOWEST, Pace, Transfer

GIB = 1 << 30


class ManualClock:
    """A clock that only the test advances."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_byte_every_two_seconds_times_out_after_a_window() -> None:
    clock = ManualClock()
    pace = Pace(30.0, clock)
    for step in range(1, 15):
        clock.now = step * 2.0
        pace.check(step)
    clock.now = 30.0
    with pytest.raises(TimedOut, match="only 15 bytes arrived in 30 s, below 16 KiB a second"):
        pace.check(15)


@pytest.mark.parametrize("first", [0, GIB])
def test_fast_start_does_not_compensate_for_a_slow_end(first: int) -> None:
    clock = ManualClock()
    pace = Pace(30.0, clock)
    done, ended = first, None
    for second in range(1, 3600):
        clock.now, done = float(second), done + 1000
        try:
            pace.check(done)
        except TimedOut:
            ended = second
            break
    assert ended is not None
    assert ended <= 30 + 30 + 3, "two windows: the first still contains the fast start"


def test_slow_line_above_the_minimum_rate_continues() -> None:
    clock = ManualClock()
    transfer, done = Transfer(10.0, clock), 0
    attempt = transfer.attempt(GIB)
    for second in range(1, 3600):
        clock.now += 10.0 if second % 50 == 0 else 1.0
        done += 2 * SLOWEST
        attempt.check(done)


def test_all_attempts_share_a_time_limit() -> None:
    clock = ManualClock()
    transfer, size = Transfer(5.0, clock), 100 * SLOWEST
    most = 4 * 6 * 5 + 100
    for second in (0, most // 2, most):
        clock.now = float(second)
        transfer.attempt(size)
    clock.now = most + 1.0
    with pytest.raises(CloudError, match="took 221 s over all attempts, above the limit of 220 s") as raised:
        transfer.attempt(size)
    assert not raised.value.transient, "it would be retried"


def test_attempt_ends_at_the_limit_of_its_transfer() -> None:
    clock = ManualClock()
    attempt = Transfer(5.0, clock).attempt(SLOWEST)
    clock.now = 121.5
    with pytest.raises(CloudError, match="over all attempts"):
        attempt.check(10 * GIB)
