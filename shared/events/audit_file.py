"""The audit file on this machine: one line of JSON for each action, mode 0600, append-only.

It belongs to the user who acts and is not in a store: a store may be out of reach, and a restore from a copy must be
recorded too. On Cloud Run, Cloud Logging keeps these lines instead.
"""

import os
import stat
import sys
from pathlib import Path
from typing import TextIO

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def audit_path(state_folder: Path | None) -> Path | None:
    """Returns `$XDG_STATE_HOME/litekeep/audit.jsonl`; None if the user has no state folder."""
    return None if state_folder is None else state_folder / "litekeep" / "audit.jsonl"


def log_path(state_folder: Path | None) -> Path | None:
    """Returns `$XDG_STATE_HOME/litekeep/log`, the log of runs on a terminal; None if the user has no state folder."""
    return None if state_folder is None else state_folder / "litekeep" / "log"


def open_log(path: Path) -> TextIO:
    """Opens the log file for appending. It must be a regular file. Raises OSError."""
    return os.fdopen(os.open(path, _FLAGS, 0o600), "a", encoding="utf-8", errors="backslashreplace")


def append(path: Path | None, line: str) -> None:
    """Appends a line. Prints a warning to stderr if that fails, and raises nothing.

    The action has already happened, so it must not be reported as failed. The line itself is on stderr already.
    """
    if path is None:
        _warn("no home folder to keep it in: set XDG_STATE_HOME")
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            _write(descriptor, (line + "\n").encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except OSError as error:
        _warn(f"{path} cannot be written: {error.strerror or type(error).__name__}")


def _write(descriptor: int, content: bytes) -> None:
    """Writes the line in one call, so that lines of several processes do not mix. Raises OSError."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(0, "it is not a regular file")
    if os.write(descriptor, content) != len(content):
        raise OSError(0, "only a part of the line was written")


def _warn(what: str) -> None:
    print(f"warning: the audit line above was not kept in the audit file: {what}", file=sys.stderr, flush=True)
