"""Trying again: from scratch, on a new connection, a bounded number of times, and only what may pass by itself."""

from collections.abc import Iterator

import stamina
import stamina.instrumentation

from shared.sqlitecloud.failures import CloudError

ATTEMPTS = 4

# Its own would write a bare line on stderr, between ours.
stamina.instrumentation.set_on_retry_hooks([])


def attempts() -> Iterator[stamina.Attempt]:
    """Contexts, each for one try; the last one's error stands. Waits 0.2 s, then about twice as long each time."""
    return iter(
        stamina.retry_context(
            on=_may_pass, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=5.0, wait_jitter=0.3
        )
    )


def _may_pass(error: Exception) -> bool:
    return isinstance(error, CloudError) and error.transient
