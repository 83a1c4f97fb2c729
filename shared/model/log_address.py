"""Addresses of logs in BACKUP_EVENTS: `gcp-logging://projects/P/logs/NAME`."""

import re

_ADDRESS = re.compile(r"gcp-logging://(projects/[a-z][a-z0-9.:-]{3,62}/logs/[A-Za-z][A-Za-z0-9_.-]{0,99})", re.ASCII)


def log_name(url: str) -> str:
    """Returns `projects/P/logs/NAME`. `url` must be a valid address."""
    found = _ADDRESS.fullmatch(url)
    assert found is not None
    return found[1]


def checkpoint_log(url: str) -> str:
    """Returns the log for checkpoints only, so that a log bucket with locked retention can receive just these."""
    return f"{log_name(url)}-checkpoints"


def is_address(url: str) -> bool:
    """Returns whether `url` is a valid address of a log."""
    return _ADDRESS.fullmatch(url) is not None
