"""Ends an interrupted run in time, with a report.

Cloud Run sends SIGTERM, and SIGKILL 10 seconds later. Cleaning up may wait longer than that for SQLite or the network.
So SIGTERM also starts a countdown: when it ends, pending reports are sent and the process exits without cleaning up.
That is no worse than SIGKILL, which never leaves a partial backup that a listing shows.
Source: Cloud Run, "Container runtime contract", forced termination.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from time import sleep
from types import FrameType
from typing import ClassVar, NoReturn

import click

from shared.errors import LitekeepError
from shared.redaction import redact
from shared.runtime.so_far import so_far
from shared.terminal.streams import ReaderLeft

GRACE_SECONDS = 7.0
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_WAIT_FOR_A_REPORT = 0.5  # seconds; another thread may be sending it when the countdown ends


class Stopped(BaseException):
    """SIGTERM arrived, or the terminal was closed.

    Not an Exception, so that no `except Exception` catches it.
    """


def handle_stop_signals() -> None:
    """Makes SIGTERM raise Stopped in the main thread, and end the process within GRACE_SECONDS.

    So does SIGHUP, unless the parent process ignores it (nohup).
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # Python runs handlers between two bytecode steps of the main thread. A step may be a long query; the pipe is
    # written to at once.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    Thread(target=_watch, args=(reader,), name="sigterm", daemon=True).start()
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def ignore_stop_signals() -> None:
    """Ignores signals from now on: the work is done and the exit code is decided.

    At exit Python restores the default handlers, and a signal would then kill a run that has succeeded.
    """
    for number in (*_ENDINGS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def at_end(act: Callable[[], None]) -> None:
    """Registers a callback for the end of the run, before the interpreter shuts down. It runs after errors too."""
    _ends.append(act)


def run_end_callbacks() -> None:
    """Calls the callbacks registered by `at_end`, newest first."""
    while _ends:
        _ends.pop()()


@contextmanager
def reported(report: Callable[[str], None]) -> Iterator[None]:
    """Calls `report` once with the reason if the block fails, is stopped, or has not ended when the countdown ends.

    Errors are raised unchanged. The reason is one line without secrets: of an unexpected exception it names only the
    type, because its text may hold anything.
    """
    once = _Once(report)
    _reports.append(once)
    try:
        yield
    except ReaderLeft:
        raise
    except BaseException as error:
        once(reason_of(error))
        raise
    finally:
        _reports.remove(once)


def reason_of(error: BaseException) -> str:
    """Returns the error as one line for people, without secrets."""
    if isinstance(error, LitekeepError):
        return str(error)
    if isinstance(error, click.ClickException):
        # Click's message repeats the argument, which may be a location with its key.
        return redact(" ".join(error.format_message().split()).rstrip("."))
    if isinstance(error, Stopped | KeyboardInterrupt | click.Abort):
        return f"interrupted; {so_far() or 'no partial backup is listed'}"
    if not isinstance(error, OSError):
        return f"unexpected {type(error).__name__}, a defect of Litekeep: run it again with --debug and report it"
    if error.errno == errno.ENOSPC:
        place = error.filename or "the scratch folder or of the output"
        return f"no space left on the disk of {place}: free some space, or set TMPDIR"
    return f"{error.strerror or type(error).__name__}: {error.filename or 'a system call failed'}"


@contextmanager
def reported_once(report: Callable[[str], None]) -> Iterator[None]:
    """Like `reported`, for a whole run: calls `report` only if nothing in the block has reported yet."""
    with reported(lambda why: None if _Once.any_made else report(why)):
        yield


class _Once:
    """A report that is sent at most once, by the thread that comes first."""

    any_made: ClassVar[bool] = False

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._lock = Lock()
        self._made = False

    def __call__(self, reason: str) -> None:
        if not self._lock.acquire(timeout=_WAIT_FOR_A_REPORT):
            return
        try:
            if not self._made:
                self._made = True
                self._report(reason)
                _Once.any_made = True
        finally:
            self._lock.release()


_reports: list[_Once] = []
_ends: list[Callable[[], None]] = []


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the cleaning up
    raise Stopped


def _watch(reader: int) -> None:
    while os.read(reader, 1)[0] not in _ENDINGS:
        pass
    sleep(GRACE_SECONDS)
    for once in reversed(_reports):
        with suppress(Exception):
            once(reason_of(Stopped()))
    with suppress(Exception):
        sys.stdout.flush()
        os.write(2, f"error: {redact(reason_of(Stopped()))}\n".encode(errors="backslashreplace"))
    os._exit(1)
