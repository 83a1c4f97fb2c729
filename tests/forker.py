"""Python processes without their start: a process that has loaded everything forks one child for each command.

A start of Python with its imports takes longer than most commands do. `run` and `Popen` are `subprocess.run` and
`subprocess.Popen` for commands such as `[sys.executable, "-m", "litekeep", …]` or `[sys.executable, "-c", …]`. The
child is a child of the caller as any other is: its signals, exit code and times are what the kernel says. It has the
caller's arguments, environment, folder, file mode mask and streams. It differs in this: its modules are loaded already,
warnings are errors in it whether `-W error` is given or not, and objects are not deleted one by one at its end. With
`start_new_session` a terminal on its stdin is the terminal that controls it.

Where that matters, a test calls `subprocess` itself: what is imported, limits, another user or namespace, `-I`, an
installed wheel. What a child cannot have from its parent (another locale, `PYTHON…` settings, limits) makes a real
process here too.
"""

import atexit
import ctypes
import fcntl
import gc
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from inspect import signature
from io import TextIOWrapper
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
_PACKAGES = ("jobs", "litekeep", "shared")
_LATE = ("netrc", "grpc._interceptor", "pydantic.type_adapter")  # what Google's libraries and pydantic import in use
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
    """What `python [-W error] -m MODULE …` or `-c CODE …` runs. None for any other command."""
    words = [os.fspath(word) for word in command] if isinstance(command, list | tuple) else [""]
    if words[0] != sys.executable:
        return None
    rest = words[3:] if words[1:3] == ["-W", "error"] else words[1:]
    if len(rest) < 2 or rest[0] not in ("-m", "-c"):
        return None
    return {"how": rest[0], "what": rest[1], "arguments": rest[2:]}


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in _LIMITS]


def _once(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python and the C library read of an environment when they start, and never again."""
    named = {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LD_", "MALLOC_"))}
    root = {"PYTHONPATH": str(ROOT)}
    return root | named | {name: environment.get(name, "") for name in ("LANG", "LANGUAGE", "TZ")}


class _Forker:
    """The process that forks. It starts when it is first needed, and ends with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def has(self, environment: Mapping[str, str]) -> bool:
        """Whether a child of the forker can be as a real process with this environment would be."""
        self._start()
        return _once(environment) == self._environment and _limits() == self._limits

    def fork(self, work: dict[str, Any], streams: list[int]) -> int:
        """The id of a new child of this process that does `work`."""
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
            command = [sys.executable, "-W", "error", "-m", "tests.forker", str(theirs.fileno())]
            surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
            with theirs:
                started = subprocess.Popen(
                    command, cwd=ROOT, env=surroundings, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
                )
            started.returncode = 0  # nobody waits for it: it ends when its line does
            assert self._line.recv(1) == b"r"
            atexit.register(self._line.close)


_forker = _Forker()


def _adopt(wanted: bool) -> None:
    """Whether a process below this one becomes its child when the parent has ended."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, int(wanted), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _serve(line: socket.socket) -> None:
    """In the forker. Each child is a grandchild whose parent has ended, so that the caller adopts it."""
    for package in _PACKAGES:
        for found in walk_packages([str(ROOT / package)], f"{package}."):
            if not found.name.endswith(("__main__", "child")):  # these are programs
                import_module(found.name)
    for name in _LATE:
        import_module(name)
    gc.collect()
    gc.freeze()  # so that no child copies what it only counts
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests
    line.send(b"r")
    while True:
        size, streams, _, _ = socket.recv_fds(line, 4, 3)
        if not size:
            return
        content = line.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
        between = os.fork()
        if between == 0:
            _leave_a_child(line, json.loads(content), streams)
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
    os.read(waiting, 1)  # until the process between is ending
    os.close(waiting)
    line.close()
    while os.getppid() == between:
        os.sched_yield()
    _become(work, streams)


def _become(work: dict[str, Any], streams: list[int]) -> NoReturn:
    """What Python does between its start and its end."""
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
        code = _code_of(work)
    finally:
        os._exit(_ended(code))


def _opened(like: Any, number: int) -> TextIOWrapper:
    mode = "w" if number else "r"
    made = open(number, mode, encoding=like.encoding, errors=like.errors, closefd=False)  # noqa: SIM115 - for life
    if number == 2:
        made.reconfigure(line_buffering=True)
    return made


def _restart_sqlite() -> None:
    """SQLite reads TMPDIR when it starts."""
    import apsw  # noqa: PLC0415 - loaded before

    apsw.shutdown()
    apsw.initialize()


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
    """The exit code, after the threads, what waits for the end, and the last lines."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120  # as Python ends then
    with suppress(OSError):
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _line:
        _serve(_line)
