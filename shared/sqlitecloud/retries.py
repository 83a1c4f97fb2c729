"""Retries of transient errors: a bounded number of attempts, each on a new connection."""

from collections.abc import Iterator

import stamina
import stamina.instrumentation

from shared.sqlitecloud.failures import CloudError

ATTEMPTS = 4

# Its default hook would write to stderr, between our own log lines.
stamina.instrumentation.set_on_retry_hooks([])


def attempts() -> Iterator[stamina.Attempt]:
    """Yields a context for each attempt; the last raises its error. Waits 0.2 s, then twice as long each time."""
    return iter(
        stamina.retry_context(
            on=_is_transient, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=5.0, wait_jitter=0.3
        )
    )


def _is_transient(error: Exception) -> bool:
    return isinstance(error, CloudError) and error.transient
