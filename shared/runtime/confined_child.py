"""The child process of `confined`. `serve` is its main function; nothing else uses this module."""

import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from shared.errors import LitekeepError, NoMemory, NotGood
from shared.runtime.limits import Allowance, Limits, limits_memory, no_core

_OURS = "shared."
_PIECE = 1 << 20
_SECONDS_BETWEEN_REPORTS = 0.1
_HEADER = 4


class Call:
    """The connection to the parent process, passed to each called function."""

    def __init__(self, replies: int, limits: Limits, *, has_stream: bool) -> None:
        self.limits = limits
        self._replies = replies
        self._allowance = Allowance()
        self._left = has_stream
        self._next_report = 0.0
        self._allowance.set(limits)

    def allow(self, limits: Limits) -> None:
        """Replaces the limits, for a function that knows more about its work."""
        self.limits = limits
        self._allowance.set(limits)

    def stream(self) -> Iterator[bytes]:
        """Yields the pieces that the parent sends. The stream can be read once."""
        while self._left:
            size = int.from_bytes(_exactly(_HEADER), "big")
            self._left = size > 0
            while size:
                piece = _some(size)
                size -= len(piece)
                yield piece

    def progress(self, stage: str, done: int, total: int) -> None:
        """Reports progress to the parent, at most every 0.1 s."""
        now = time.monotonic()
        if now >= self._next_report or done >= total:
            self._next_report = now + _SECONDS_BETWEEN_REPORTS
            _send(self._replies, {"progress": [stage, done, total]})

    @property
    def is_whole(self) -> bool:
        """Whether the whole stream was read."""
        return not self._left


def serve(module: str) -> None:
    """Runs one call after the other, until the parent closes the pipe or is gone.

    Imports `module`, if any, before the first call.
    """
    gc.set_threshold(50_000)  # imported objects are never garbage
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent handles these signals and kills this process
    for number in (signal.SIGXCPU, signal.SIGXFSZ):  # if ignored, SQLite would report SIGXFSZ as "disk I/O error"
        signal.signal(number, signal.SIG_DFL)
    no_core()
    replies = os.dup(1)
    os.dup2(2, 1)  # so that printed text does not mix with replies
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if module:
        _imported(module)
    while True:
        request = json.loads(_exactly(int.from_bytes(_exactly(_HEADER), "big")))
        function = _function(request["function"])  # imported before the CPU limit is set
        call = Call(replies, Limits(**request["limits"]), has_stream=request["stream"])
        answer = _answer(call, function, request)
        if not call.is_whole:  # closing the pipe stops the parent, which is still sending; then it reads the answer
            os.close(0)
        _send(replies, answer)
        if not call.is_whole:
            os._exit(0)


def _answer(call: Call, function: Callable[..., Any], request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": function(call, *request["arguments"])}
    except NoMemory:
        return {"error": _no_memory(call.limits, request["what"])}
    except LitekeepError as error:
        return {"error": [type(error).__name__, str(error)]}
    except Exception as error:  # noqa: BLE001 - the parent raises it
        if isinstance(error, MemoryError) or type(error).__name__ == "NoMemError":
            return {"error": _no_memory(call.limits, request["what"])}
        return {"error": [f"unexpected {type(error).__name__}", traceback.format_exc()]}


def _no_memory(limits: Limits, what: str) -> list[str]:
    if not limits_memory(limits.memory_bytes):
        return [NoMemory.__name__, f"{what} takes more memory than this process may have: raise its limit"]
    size = limits.memory_bytes >> 20
    return [NotGood.__name__, f"{what} takes more than {size} MiB of memory, more than its size can need: use another"]


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(_imported(module), function)
    return found


def _imported(module: str) -> ModuleType:
    if not module.startswith(_OURS):
        raise ValueError(module)
    return importlib.import_module(module)


def _exit_with_parent() -> None:
    closed = select.poll()
    closed.register(0, 0)  # without events to wait for, poll reports only that the pipe has no writer
    closed.poll()
    os._exit(1)


def _exactly(size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        read += _some(size - len(read))
    return bytes(read)


def _some(most: int) -> bytes:
    piece = os.read(0, min(most, _PIECE))
    if not piece:
        sys.stderr.flush()
        os._exit(1)
    return piece


def _send(replies: int, message: dict[str, Any]) -> None:
    payload = json.dumps(message).encode()
    rest = memoryview(len(payload).to_bytes(_HEADER, "big") + payload)
    while rest:
        rest = rest[os.write(replies, rest) :]
