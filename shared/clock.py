"""The clock and time formats. All times are in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

CLOCKS_DIFFER_BY = timedelta(minutes=5)  # how far the clock of another machine may be ahead of ours


def utc_now() -> datetime:
    """Returns the current time in UTC, with its time zone."""
    return datetime.now(UTC)


def is_future(moment: datetime, now: datetime) -> bool:
    """Returns whether a date from a store is ahead of our clock. Anything with such a date is ignored."""
    return moment > latest_known(now)


def latest_known(now: datetime) -> datetime:
    """Returns the latest time for which `is_future` is false, to compare it with many dates."""
    return now + CLOCKS_DIFFER_BY


def rfc3339(moment: datetime) -> str:
    """Formats a time in RFC 3339, in UTC and whole seconds: `2024-01-15T00:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Parses an ISO 8601 or RFC 3339 time. A time without a zone is taken as UTC. Raises ValueError."""
    return in_utc(datetime.fromisoformat(text.strip()))


def in_utc(moment: datetime) -> datetime:
    """Converts a time to UTC; one without a zone is taken as UTC. Raises ValueError outside of years 1 to 9999."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("that time is before year 1 or after year 9999 in UTC") from None
