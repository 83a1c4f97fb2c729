"""Parses lengths of time in settings: `30d`, `daily=30d,weekly=90d`."""

import re
from datetime import timedelta

from shared.model.kinds import Kind

_LENGTH = re.compile(r"([1-9]\d{0,5})([hdwy])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
_LONGEST = timedelta(days=365_000)  # 1000 years: added to a date of today it stays in Python's calendar


def parse_length(text: str) -> timedelta:
    """Parses `30d`. Raises ValueError."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise ValueError("allowed is a length such as 30d; units h, d, w, y")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


def parse_retention(text: str) -> dict[Kind, timedelta]:
    """Parses `daily=30d,weekly=90d`. Raises ValueError."""
    lengths: dict[Kind, timedelta] = {}
    for pair in text.split(","):
        kind, _, length = (part.strip() for part in pair.partition("="))
        if kind not in set(Kind) or not _LENGTH.fullmatch(length) or Kind(kind) in lengths:
            raise ValueError(
                f"allowed are pairs such as daily=30d,weekly=90d, each kind once: {', '.join(Kind)}; units h, d, w, y"
            )
        lengths[Kind(kind)] = parse_length(length)
        if lengths[Kind(kind)] > _LONGEST:
            raise ValueError("the longest that is allowed is 1000y")
    return lengths
