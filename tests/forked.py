"""The process that forks, and the life of its children: see tests/forker.py."""

import atexit
import fcntl
import gc
import json
import os
import runpy
import signal
import socket
import sys
import termios
import threading
import warnings
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, NoReturn

from tests import coverage

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("jobs", "litekeep", "shared")
_LATE = ("netrc", "grpc._interceptor", "pydantic.type_adapter")  # imported late by Google's libraries and pydantic


def load() -> None:
    """Imports what commands need, and prepares this process for forks."""
    for package in _PACKAGES:
        for found in walk_packages([str(_ROOT / package)], f"{package}."):
            if not found.name.endswith(("__main__", "child")):  # these are programs
                import_module(found.name)
    for name in _LATE:
        import_module(name)
    coverage.record_child()  # what imports reach, once for all children
    gc.collect()
    gc.freeze()  # so that reference counts do not make children copy pages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests


def received(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receives the next command and its streams; empty if the connection has ended."""
    size, streams, _, _ = socket.recv_fds(line, 4, 3)
    if not size:
        return {}, []
    return json.loads(line.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)), streams


def _serve(line: socket.socket) -> None:
    """Runs in the forker. Each child is a grandchild whose parent has ended, so that the caller adopts it."""
    coverage.start()
    load()
    line.send(b"r")
    while True:
        work, streams = received(line)
        if not work:
            return
        between = os.fork()
        if between == 0:
            _leave_a_child(line, work, streams)
        for stream in streams:
            os.close(stream)
        os.waitpid(between, 0)
        line.send(b".")


def _leave_a_child(line: socket.socket, work: dict[str, Any], streams: list[int]) -> NoReturn:
    between = os.getpid()
    waiting, held = os.pipe()
    child = os.fork()
    if child:
        line.send(child.to_bytes(4, "big"))
        os._exit(0)
    os.close(held)
    os.read(waiting, 1)  # until the intermediate process is ending
    os.close(waiting)
    line.close()
    while os.getppid() == between:
        os.sched_yield()
    become(work, streams)


def become(work: dict[str, Any], streams: list[int]) -> NoReturn:
    """Does what Python does between its start and its end."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        if work["session"]:
            os.setsid()
            if os.isatty(0):
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
            stream = _opened(getattr(sys, name), number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        os.umask(work["mask"])
        os.chdir(work["folder"])
        os.environ.clear()
        os.environ.update(work["environment"])
        _restart_sqlite()
        if "error" not in work["filters"]:
            _forgive_warnings()
        if "ignore::ResourceWarning" in work["filters"]:
            warnings.simplefilter("ignore", ResourceWarning)
        code = _code_of(work)
    finally:
        os._exit(_ended(code))


def _opened(like: Any, number: int) -> TextIOWrapper:
    mode = "w" if number else "r"
    made = open(number, mode, encoding=like.encoding, errors=like.errors, closefd=False)  # noqa: SIM115 - open until exit
    if number == 2:
        made.reconfigure(line_buffering=True)
    return made


def _restart_sqlite() -> None:
    """Restarts SQLite, which reads TMPDIR when it starts."""
    import apsw  # noqa: PLC0415 - already loaded

    apsw.shutdown()
    apsw.initialize()


def _forgive_warnings() -> None:
    """Removes the effect of `-W error`, with which the parent was started."""
    sys.warnoptions.remove("error")
    warnings.filters.remove(("error", None, Warning, None, 0))  # type: ignore[attr-defined]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _code_of(work: dict[str, Any]) -> int:
    try:
        sys.argv = [work["how"], *work["arguments"]]
        if work["how"] == "-m":
            sys.path[0] = work["folder"]
            runpy.run_module(work["what"], run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = ""
            program = sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(work["what"], "<string>", "exec", dont_inherit=True), vars(program))
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 1
    except BaseException:  # noqa: BLE001 - as Python does with any
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _ended(code: int) -> int:
    """Joins threads, runs exit functions and flushes streams. Returns the exit code."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    coverage.record_child()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120  # as Python does
    with suppress(OSError):
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _line:
        _serve(_line)
