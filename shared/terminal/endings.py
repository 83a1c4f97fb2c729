"""How a run ends before its time: with a report, and soon enough.

Cloud Run sends SIGTERM and kills 10 seconds later. A stopped run clears up behind itself, and that may have to wait for
SQLite or the network for longer. So SIGTERM also starts a countdown: at its end what is not reported yet is reported,
and the process ends as it is. That is no worse than being killed, which never leaves half a backup.
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
_WAIT_FOR_A_REPORT = 0.5  # seconds; it may be under way when the countdown ends


class Stopped(BaseException):
    """SIGTERM arrived, or the terminal was closed.

    Not an Exception, so that nothing takes it for a failure that can be handled.
    """


def heed_sigterm() -> None:
    """From now on SIGTERM raises Stopped in the main thread, and the process ends within GRACE_SECONDS.

    So does SIGHUP, unless whoever started us had it ignored (nohup).
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # Python runs its handlers between two steps of the main thread, and a step may be a long query. This does not wait.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    Thread(target=_watch, args=(reader,), name="sigterm", daemon=True).start()
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def heed_no_more() -> None:
    """Ignores signals from now on: the work is done and its exit code is decided.

    Python would set these back to their default while it ends, and that kills a run that has succeeded.
    """
    for number in (*_ENDINGS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def at_end(act: Callable[[], None]) -> None:
    """Registers `act` to be called at the end of the run, however it ends, before the interpreter shuts down."""
    _ends.append(act)


def over() -> None:
    """Calls what `at_end` has registered, newest first."""
    while _ends:
        _ends.pop()()


@contextmanager
def reported(report: Callable[[str], None]) -> Iterator[None]:
    """Calls `report` with the reason, once, when the block is left by an error or a stop, or is still there too late.

    Errors go on as they were. The reason is one line without a secret: the text of a defect may hold anything, so of
    that only its type is told.
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
    """Returns the error as one line for people, without a secret."""
    if isinstance(error, LitekeepError):
        return str(error)
    if isinstance(error, click.ClickException):
        # Click repeats what it was given, and that may be a location with its key.
        return redact(" ".join(error.format_message().split()).rstrip("."))
    if isinstance(error, Stopped | KeyboardInterrupt | click.Abort):
        return f"it was stopped before its end; {so_far() or 'nothing half-made counts as a backup'}"
    if not isinstance(error, OSError):
        return f"unexpected {type(error).__name__}, a defect of Litekeep: run it again with --debug and report it"
    if error.errno == errno.ENOSPC:
        place = error.filename or "the scratch folder, or of where the output goes"
        return f"no space left on the disk of {place}: make room, or set TMPDIR"
    return f"{error.strerror or type(error).__name__}: {error.filename or 'an operation of the system'}"


@contextmanager
def reported_at_all(report: Callable[[str], None]) -> Iterator[None]:
    """The same for a whole run: calls `report` only when nothing in the block was reported."""
    with reported(lambda why: None if _Once.any_made else report(why)):
        yield


class _Once:
    """A report that goes out at most once, whichever thread comes first."""

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
        signal.signal(number, signal.SIG_IGN)  # one is enough: cleaning up must not be interrupted
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
