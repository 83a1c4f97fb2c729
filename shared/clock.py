"""The one place where time comes from; UTC throughout."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

CLOCKS_DIFFER_BY = timedelta(minutes=5)  # as far as the clock of another machine may be ahead of ours


def utc_now() -> datetime:
    """The current time, in UTC, with its zone."""
    return datetime.now(UTC)


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether a date from a store is ahead of our clock: then it counts for nothing, whatever it is the date of."""
    return moment > latest_known(now)


def latest_known(now: datetime) -> datetime:
    """Returns the last moment that `is_future` does not call future: to compare many dates with."""
    return now + CLOCKS_DIFFER_BY


def rfc3339(moment: datetime) -> str:
    """`2024-01-15T00:00:00Z`: RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Reads an ISO 8601 / RFC 3339 time; one without a zone is taken as UTC.

    Raises ValueError when it is no time at all.
    """
    return in_utc(datetime.fromisoformat(text.strip()))


def in_utc(moment: datetime) -> datetime:
    """The same time in UTC; one without a zone is taken as UTC. Raises ValueError where UTC has no such year."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("that time is before year 1 or after year 9999 in UTC") from None
