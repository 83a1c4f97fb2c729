"""`gcp-logging://projects/P/logs/NAME`: which log BACKUP_EVENTS names."""

import re

_ADDRESS = re.compile(r"gcp-logging://(projects/[a-z][a-z0-9.:-]{3,62}/logs/[A-Za-z][A-Za-z0-9_.-]{0,99})", re.ASCII)


def log_name(url: str) -> str:
    """`projects/P/logs/NAME`. The settings have checked it."""
    found = _ADDRESS.fullmatch(url)
    assert found is not None
    return found[1]


def checkpoint_log(url: str) -> str:
    """The log beside it that holds checkpoints alone, so that a bucket with locked retention can take just these."""
    return f"{log_name(url)}-checkpoints"


def is_address(url: str) -> bool:
    return _ADDRESS.fullmatch(url) is not None
