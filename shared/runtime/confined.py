"""Runs a function of ours in a process of its own, for work on what others wrote: SQL, schemas, pages.

One opcode of SQLite can run for minutes without asking anybody, or take gigabytes; a process can be ended. It has
limits on CPU time, memory and the size of files, holds no key and no setting, and does not outlive this one, not even
when this one is killed: it ends when the pipe that it is told by closes.

    with Confined() as child:
        child.call(load, target, stream=plain, limits=…, what="the dump")
        child.call(check, target, limits=…, what="the database")

Arguments and results are JSON; what comes back is data from a process that others' text ran in, and never run.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import shared
from shared import errors
from shared.errors import LitekeepError, NotGood, SourceError
from shared.runtime.limits import Limits, limits_files
from shared.runtime.progress import Progress, silent
from shared.settings import environment_of_children

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from shared.runtime.confined_child import serve; serve(sys.argv[2])"
)
_GLANCE = 200  # milliseconds; a signal that another thread was given is noticed all the same
_PIPE_BYTES = 1 << 20
_SLICE = 1 << 20
_LARGEST_REPLY = 64 << 20
_HEADER = 4  # bytes of length, before each message and each piece of a stream
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


class CpuTimeExceeded(NotGood):
    """It took more CPU time than anything of its size can need."""


class Defect(Exception):
    """The function raised an unexpected error; the note is its traceback."""


class Confined:
    """One process, for the calls of one piece of work; it starts at once and is gone after the block.

    `module` is imported before the first call, while the caller does something else; empty if it would only wait.
    """

    def __init__(self, module: str = "") -> None:
        self._module = module

    def __enter__(self) -> Self:
        command = [
            sys.executable,
            "-I",
            "-S",
            "-X",
            f"utf8={sys.flags.utf8_mode}",
            "-c",
            _START,
            json.dumps(module_path()),
            self._module,
        ]
        try:
            self._process = subprocess.Popen(  # noqa: S603  ourselves
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment_of_children()
            )
        except OSError as error:
            raise SourceError(
                f"{sys.executable} cannot be started ({error.strerror}): repair the installation"
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):  # the user has many pipes open: slower, and no more
                fcntl.fcntl(self._to, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._received = bytearray()
        self._heard: dict[str, Any] | None = None
        self._progress: Progress = silent
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with self._process:  # closes the pipes, and waits
            pass

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        """Ends the process, from whichever thread: the call that is going on raises SourceError."""
        self._process.kill()

    def call(
        self,
        function: Callable[..., Any] | str,
        *arguments: Any,
        limits: Limits,
        what: str,
        stream: Iterable[bytes] | None = None,
        progress: Progress = silent,
    ) -> Any:
        """Calls a function of a module of ours with these arguments (after a `Call`), and returns what it returned.

        `function` is the function, or `module:name` where the caller has no use for the module itself.
        `stream` is what the function reads as `call.stream()`; an error that comes out of it is raised as it is, and
        ends the process. Raises the LitekeepError that the function raised, and NotGood, with `what` as the subject,
        when the process went beyond its limits or crashed. After that there are no more calls.
        """
        request = {
            "function": function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}",
            "arguments": [str(value) if isinstance(value, Path) else value for value in arguments],
            "limits": asdict(limits),
            "what": what,
            "stream": stream is not None,
        }
        self._heard = None
        self._progress = progress
        if self._send(json.dumps(request).encode()) and stream is not None:
            self._send_all(stream)
        while self._heard is None:
            self._listen()
        return _answer(self._heard) if self._heard else self._died(what, limits)

    def _send_all(self, stream: Iterable[bytes]) -> None:
        for piece in stream:
            for start in range(0, len(piece), _SLICE):
                if not self._send(piece[start : start + _SLICE]):
                    return
        self._send(b"")

    def _send(self, payload: bytes) -> bool:
        """Sends the whole message; whether the other side takes more, or is done already."""
        rest = memoryview(len(payload).to_bytes(_HEADER, "big") + payload)
        both = select.poll()
        both.register(self._to, select.POLLOUT)
        both.register(self._from, select.POLLIN)
        while rest and self._heard is None:
            for descriptor, _ in both.poll(_GLANCE):
                if descriptor == self._from:
                    self._take()
                    continue
                try:
                    rest = rest[os.write(self._to, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:  # it has an answer, or is gone
                    return False
        return self._heard is None

    def _listen(self) -> None:
        waiting = select.poll()
        waiting.register(self._from, select.POLLIN)
        if waiting.poll(_GLANCE):
            self._take()

    def _take(self) -> None:
        """Takes what is there. The answer is {} when the process is gone."""
        received = os.read(self._from, _PIPE_BYTES)
        if not received:
            self._heard = {}
        self._received += received
        for message in self._messages():
            if "progress" in message:
                stage, done, total = message["progress"]
                self._progress(str(stage), int(done), int(total))
            else:
                self._heard = message

    def _messages(self) -> Iterator[dict[str, Any]]:
        while len(self._received) >= _HEADER:
            size = int.from_bytes(self._received[:_HEADER], "big")
            if size > _LARGEST_REPLY:
                raise Defect("a confined process said more than it may")
            if len(self._received) < _HEADER + size:
                return
            message = json.loads(self._received[_HEADER : _HEADER + size])
            del self._received[: _HEADER + size]
            yield message

    def _died(self, what: str, limits: Limits) -> None:
        number = -self._process.wait()
        if number == signal.SIGXCPU:
            raise CpuTimeExceeded(
                f"{what} took more than {limits.cpu_seconds:g} s of CPU time, more than its size can need: "
                "it computes without end, use another"
            )
        if number == signal.SIGXFSZ:
            raise _too_large(what, limits.file_bytes)
        if number == signal.SIGBUS:  # a page of a mapped file that the disk does not give
            raise SourceError(f"the disk failed while {what} read from it: repair it, or set TMPDIR, and try again")
        if number in _CRASHES:
            raise NotGood(f"{what} crashed the process that worked on it ({signal.Signals(number).name}): use another")
        how = f"ended by {signal.Signals(number).name}" if number > 0 else f"ended with code {-number}"
        raise SourceError(f"the process that worked on {what} was {how}: give it more memory, and try again")


def _too_large(what: str, size: int) -> LitekeepError:
    if not limits_files(size):
        return SourceError(f"{what} takes a larger file than this process may write: raise its limit (ulimit -f)")
    return NotGood(f"{what} takes a file of more than {size >> 20} MiB, more than its size can need: use another")


def module_path() -> list[str]:
    """Where this process finds its modules: with the place of this very package first, and no relative one."""
    return list(dict.fromkeys([str(Path(shared.__path__[0]).parent), *filter(os.path.isabs, sys.path)]))


def _answer(message: dict[str, Any]) -> Any:
    if "error" not in message:
        return message["result"]
    name, said = message["error"]
    kind = getattr(errors, str(name), None)
    if isinstance(kind, type) and issubclass(kind, LitekeepError):
        raise kind(str(said))
    defect = Defect(str(name))
    defect.add_note(str(said))
    raise defect
