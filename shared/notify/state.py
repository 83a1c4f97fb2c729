"""The notifications already sent, in a file of this user, so that none is repeated each hour."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.notify.notices import Kept
from shared.runtime.files import replace_whole

_LARGEST = 4 << 20  # bytes
_MOST = 2000  # notices


@dataclass
class NotifyState:
    """`failures`: why the last call of a setting, or of one URL of it, did not work."""

    kept: dict[str, Kept] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def state_path(folder: Path, store_url: str) -> Path:
    """One file for each store: what is found in one says nothing of another."""
    return folder / "litekeep" / f"notices-{hashlib.sha256(store_url.encode()).hexdigest()[:16]}.json"


@contextmanager
def changing(path: Path) -> Iterator[NotifyState]:
    """The state, for one process at a time; what the block leaves in it is kept. Raises OSError."""
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
    """The state; an empty one where there is none or it is damaged: then people are told once more."""
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            document: dict[str, Any] = json.loads(file.read(_LARGEST))
        kept = {str(key): _kept(value) for key, value in document["kept"].items()}
        return NotifyState(kept, {str(key): str(why) for key, why in document["failures"].items()})
    return NotifyState()


def _kept(value: dict[str, Any]) -> Kept:
    flags = {name: value[name] is True for name in ("is_error", "told", "ended")}
    return Kept(message=str(value["message"]), **flags)


def _write(path: Path, state: NotifyState) -> None:
    """Whole or not at all."""
    kept = dict(list(state.kept.items())[:_MOST])
    document = {"kept": {key: asdict(each) for key, each in kept.items()}, "failures": state.failures}
    replace_whole(path, json.dumps(document).encode(errors="backslashreplace"))
