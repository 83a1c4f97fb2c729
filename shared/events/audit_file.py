"""The audit trail on this machine: a line of JSON for each thing that was done, mode 0600, only ever appended to.

It lies with the user who acts, not in a store: a store keeps what it has for ever and may be out of reach, and one
who restores from a copy should leave a trace all the same. On Cloud Run, Cloud Logging keeps it.
"""

import os
import stat
import sys
from pathlib import Path
from typing import TextIO

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def audit_path(state_folder: Path | None) -> Path | None:
    """`$XDG_STATE_HOME/litekeep/audit.jsonl`; None without any folder for such things."""
    return None if state_folder is None else state_folder / "litekeep" / "audit.jsonl"


def log_path(state_folder: Path | None) -> Path | None:
    """`$XDG_STATE_HOME/litekeep/log`: the log of runs on a terminal; None without any folder for such things."""
    return None if state_folder is None else state_folder / "litekeep" / "log"


def open_log(path: Path) -> TextIO:
    """The log file for adding lines: a plain file of this user's. Raises OSError."""
    return os.fdopen(os.open(path, _FLAGS, 0o600), "a", encoding="utf-8", errors="backslashreplace")


def append(path: Path | None, line: str) -> None:
    """Adds a line. Where that cannot be done it says so on stderr, and whoever asked goes on.

    What was done is done: an error here would deny it. The line itself is on stderr already.
    """
    if path is None:
        _complain("no home folder to keep it in: set XDG_STATE_HOME")
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            _write(descriptor, (line + "\n").encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except OSError as error:
        _complain(f"{path} cannot be written: {error.strerror or type(error).__name__}")


def _write(descriptor: int, content: bytes) -> None:
    """In one call, so that lines of several processes do not mix."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(0, "it is not a plain file")
    if os.write(descriptor, content) != len(content):
        raise OSError(0, "the disk took only a part of the line")


def _complain(what: str) -> None:
    print(f"warning: the audit line above was not kept in the audit file: {what}", file=sys.stderr, flush=True)
