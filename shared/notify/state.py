"""Stores which notifications were sent, in a file of this user, so that none is repeated each hour."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.notify.notices import NoticeState
from shared.runtime.files import replace_whole

_LARGEST = 4 << 20  # bytes
_MOST = 2000  # notices


@dataclass
class NotifyState:
    """The stored notices, and in `failures` why the last call of a setting, or of one of its URLs, failed."""

    kept: dict[str, NoticeState] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def state_path(folder: Path, store_url: str) -> Path:
    """Returns the state file of a store. Each store has its own, because its findings are its own."""
    return folder / "litekeep" / f"notices-{hashlib.sha256(store_url.encode()).hexdigest()[:16]}.json"


@contextmanager
def changing(path: Path) -> Iterator[NotifyState]:
    """Locks and yields the state, and stores it after the block. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = read_state(path)
        yield state
        _write(path, state)
    finally:
        os.close(lock)


def read_state(path: Path) -> NotifyState:
    """Reads the state; an empty one if there is none or it is damaged, and then notifications are sent again."""
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            document: dict[str, Any] = json.loads(file.read(_LARGEST))
        kept = {str(key): _parse_notice(value) for key, value in document["kept"].items()}
        return NotifyState(kept, {str(key): str(why) for key, why in document["failures"].items()})
    return NotifyState()


def _parse_notice(value: dict[str, Any]) -> NoticeState:
    flags = {name: value[name] is True for name in ("is_error", "told", "ended")}
    return NoticeState(message=str(value["message"]), **flags)


def _write(path: Path, state: NotifyState) -> None:
    """Replaces the file atomically."""
    kept = dict(list(state.kept.items())[:_MOST])
    document = {"kept": {key: asdict(each) for key, each in kept.items()}, "failures": state.failures}
    replace_whole(path, json.dumps(document).encode(errors="backslashreplace"))
