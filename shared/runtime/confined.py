"""Runs our functions in a child process for work on untrusted input: SQL, schemas, pages.

One opcode of SQLite can run for minutes without calling back, or take gigabytes; a process can be killed. The child has
limits on CPU time, memory and file sizes, and gets no key and no setting. It never outlives this process, even if this
one is killed: it ends when its input pipe is closed.

    with Confined() as child:
        child.call(load, target, stream=plain, limits=…, what="the dump")
        child.call(check, target, limits=…, what="the database")

Arguments and results are JSON. Results are untrusted data, and are never executed.
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
_POLL_MILLISECONDS = 200  # so that a signal delivered to another thread is handled soon
_PIPE_BYTES = 1 << 20
_SLICE = 1 << 20
_LARGEST_REPLY = 64 << 20
_HEADER = 4  # bytes of the length before each message and each piece of a stream
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


class CpuTimeExceeded(NotGood):
    """The call used more CPU time than input of its size can need."""


class Defect(Exception):
    """The function raised an unexpected error. The note contains its traceback."""


class Confined:
    """A child process for several calls. It starts when the block is entered and is killed at its end.

    `module` is imported before the first call, in parallel with the caller; empty if the caller would only wait.
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
            with suppress(OSError):  # the user has too many pipes: a small pipe only makes it slower
                fcntl.fcntl(self._to, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._received = bytearray()
        self._reply: dict[str, Any] | None = None
        self._progress: Progress = silent
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with self._process:  # closes the pipes and waits
            pass

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def end(self) -> None:
        """Kills the process; may be called from any thread. The call in progress raises SourceError."""
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
        """Calls a module-level function with a `Call` and these arguments, and returns its result.

        `function` is the function, or `module:name` if the caller does not import the module itself.
        `stream` is the data that the function reads with `call.stream()`. An error raised by `stream` passes through
        unchanged and ends the process. Raises the LitekeepError that the function raised; NotGood, with `what` as its
        subject, if the process exceeded its limits or crashed. No further calls are possible then.
        """
        request = {
            "function": function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}",
            "arguments": [str(value) if isinstance(value, Path) else value for value in arguments],
            "limits": asdict(limits),
            "what": what,
            "stream": stream is not None,
        }
        self._reply = None
        self._progress = progress
        if self._send(json.dumps(request).encode()) and stream is not None:
            self._send_all(stream)
        while self._reply is None:
            self._wait_for_reply()
        return _result(self._reply) if self._reply else self._raise_exit(what, limits)

    def _send_all(self, stream: Iterable[bytes]) -> None:
        for piece in stream:
            for start in range(0, len(piece), _SLICE):
                if not self._send(piece[start : start + _SLICE]):
                    return
        self._send(b"")

    def _send(self, payload: bytes) -> bool:
        """Sends a message. Returns whether the child still reads; False once it has replied or is gone."""
        rest = memoryview(len(payload).to_bytes(_HEADER, "big") + payload)
        both = select.poll()
        both.register(self._to, select.POLLOUT)
        both.register(self._from, select.POLLIN)
        while rest and self._reply is None:
            for descriptor, _ in both.poll(_POLL_MILLISECONDS):
                if descriptor == self._from:
                    self._receive()
                    continue
                try:
                    rest = rest[os.write(self._to, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:  # the child has replied, or is gone
                    return False
        return self._reply is None

    def _wait_for_reply(self) -> None:
        waiting = select.poll()
        waiting.register(self._from, select.POLLIN)
        if waiting.poll(_POLL_MILLISECONDS):
            self._receive()

    def _receive(self) -> None:
        """Reads the available messages. Sets the reply to {} if the process is gone."""
        received = os.read(self._from, _PIPE_BYTES)
        if not received:
            self._reply = {}
        self._received += received
        for message in self._messages():
            if "progress" in message:
                stage, done, total = message["progress"]
                self._progress(str(stage), int(done), int(total))
            else:
                self._reply = message

    def _messages(self) -> Iterator[dict[str, Any]]:
        while len(self._received) >= _HEADER:
            size = int.from_bytes(self._received[:_HEADER], "big")
            if size > _LARGEST_REPLY:
                raise Defect("the reply of a confined process is too large")
            if len(self._received) < _HEADER + size:
                return
            message = json.loads(self._received[_HEADER : _HEADER + size])
            del self._received[: _HEADER + size]
            yield message

    def _raise_exit(self, what: str, limits: Limits) -> None:
        """Raises the error for a process that ended without a reply."""
        number = -self._process.wait()
        if number == signal.SIGXCPU:
            raise CpuTimeExceeded(
                f"{what} took more than {limits.cpu_seconds:g} s of CPU time, more than its size can need: "
                "it computes without end, use another"
            )
        if number == signal.SIGXFSZ:
            raise _too_large(what, limits.file_bytes)
        if number == signal.SIGBUS:  # a page of a mapped file could not be read from disk
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
    """Returns the module path of this process: this package's own folder first, and no relative folders."""
    return list(dict.fromkeys([str(Path(shared.__path__[0]).parent), *filter(os.path.isabs, sys.path)]))


def _result(message: dict[str, Any]) -> Any:
    if "error" not in message:
        return message["result"]
    name, text = message["error"]
    kind = getattr(errors, str(name), None)
    if isinstance(kind, type) and issubclass(kind, LitekeepError):
        raise kind(str(text))
    defect = Defect(str(name))
    defect.add_note(str(text))
    raise defect
