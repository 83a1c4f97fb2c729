"""Starts Python processes quickly: a process that has imported everything forks one child for each command.

Starting Python and its imports takes longer than most commands. `run` and `Popen` replace `subprocess.run` and
`subprocess.Popen` for commands such as `[sys.executable, "-m", "litekeep", …]` or `[sys.executable, "-c", …]`. The
child is a normal child of the caller, with real signals, exit code and times. It has the caller's arguments,
environment, folder, file mode mask and streams. The differences: its modules are already loaded, and objects are not
deleted one by one at exit. With `start_new_session` a terminal on its stdin becomes its controlling terminal.

A test for which this matters calls `subprocess` itself: tests of imports, limits, another user or namespace, `-I`, an
installed wheel. Settings that a child cannot take from its parent (another locale, `PYTHON…` variables, limits) also
start a real process.
"""

import atexit
import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, see prctl(2)
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_ANSWER = 5
_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_SPECIAL = ("executable", "preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")


def run(command: list[Any], **how: Any) -> "subprocess.CompletedProcess[Any]":
    """`subprocess.run` with a forked child."""
    check, timeout, content = how.pop("check", False), how.pop("timeout", None), how.pop("input", None)
    if how.pop("capture_output", False):
        how |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if content is not None:
        how["stdin"] = subprocess.PIPE
    with Popen(command, **how) as process:
        try:
            out, err = process.communicate(content, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


class Popen(subprocess.Popen):  # type: ignore[type-arg]
    """`subprocess.Popen` with a forked child."""

    def _execute_child(self, *given: Any) -> None:
        names = list(signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]
        how = dict(zip(names, given, strict=True))
        work = _work(how["args"])
        environment = {os.fsdecode(name): os.fsdecode(value) for name, value in (how["env"] or os.environ).items()}
        if work is None or any(how[name] for name in _SPECIAL) or not _forker.has(environment):
            super()._execute_child(*given)  # type: ignore[misc]
            return
        work |= {"environment": environment, "folder": str(Path(how["cwd"] or ".").absolute())}
        work |= {"mask": _mask(), "session": how["start_new_session"]}
        streams = [how[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        try:
            self.pid = _forker.fork(work, [own if given == -1 else given for own, given in enumerate(streams)])
            self._child_created = True
        finally:
            self._close_pipe_fds(*(how[name] for name in _ENDS))  # type: ignore[attr-defined]


def _work(command: Any) -> dict[str, Any] | None:
    """Parses `python [-W FILTER …] -m MODULE …` or `-c CODE …`. Returns None for any other command."""
    rest = [os.fspath(word) for word in command] if isinstance(command, list | tuple) else [""]
    if rest.pop(0) != sys.executable:
        return None
    filters = []
    while rest[:1] == ["-W"] and len(rest) > 1:
        filters.append(rest[1])
        del rest[:2]
    if len(rest) < 2 or rest[0] not in ("-m", "-c") or not set(filters) <= {"error", "ignore::ResourceWarning"}:
        return None
    return {"how": rest[0], "what": rest[1], "arguments": rest[2:], "filters": filters}


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in _LIMITS]


def _once(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that Python and the C library read only at their start."""
    named = {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LD_", "MALLOC_"))}
    root = {"PYTHONPATH": str(ROOT)}
    return root | named | {name: environment.get(name, "") for name in ("LANG", "LANGUAGE", "TZ")}


class _Forker:
    """The process that forks. It starts on first use, and ends with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def has(self, environment: Mapping[str, str]) -> bool:
        """Returns whether a forked child would behave like a real process with this environment."""
        self._start()
        return _once(environment) == self._environment and _limits() == self._limits

    def fork(self, work: dict[str, Any], streams: list[int]) -> int:
        """Forks a child of this process that runs `work`. Returns its id."""
        content = json.dumps(work).encode()
        with self._lock:
            assert self._line is not None
            _adopt(True)
            try:
                socket.send_fds(self._line, [len(content).to_bytes(4, "big")], streams)
                self._line.sendall(content)
                answer = self._line.recv(_ANSWER, socket.MSG_WAITALL)
            finally:
                _adopt(False)
        if len(answer) < _ANSWER:
            raise RuntimeError("the forker has ended")
        return int.from_bytes(answer[:4], "big")

    def _start(self) -> None:
        with self._lock:
            if self._line is not None:
                return
            self._environment, self._limits = _once(os.environ | {"PYTHONPATH": str(ROOT)}), _limits()
            self._line, theirs = socket.socketpair()
            command = [sys.executable, "-W", "error", "-m", "tests.forked", str(theirs.fileno())]
            surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
            with theirs:
                started = subprocess.Popen(
                    command, cwd=ROOT, env=surroundings, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
                )
            started.returncode = 0  # it is never waited for: it ends when the connection does
            assert self._line.recv(1) == b"r"
            atexit.register(self._line.close)


_forker = _Forker()


def _adopt(wanted: bool) -> None:
    """Sets whether this process adopts a descendant whose parent has ended."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, int(wanted), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
