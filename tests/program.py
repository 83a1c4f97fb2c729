"""A program `litekeep` for the PATH of a shell: it asks a process that has imported everything to fork a child.

The child gets the caller's arguments, environment, folder, file mode mask and streams. The caller forwards its signals
to the child, and exits as the child does. tests/forker.py describes such children; these, however, are not children of
the caller, and have the locale of the forking process.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

from tests.forked import become, load, received
from tests.forker import ROOT

_CALLER = """#!{python} -SI
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    mask = os.umask(0)
    os.umask(mask)
    work = dict(how="-c", what={what!r}, arguments=sys.argv, environment=dict(os.environ), folder=os.getcwd())
    content = json.dumps(work | dict(mask=mask, session=False, filters=[])).encode()
    socket.send_fds(line, [len(content).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(content)
    child = int.from_bytes(line.recv(4, socket.MSG_WAITALL), "big")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(child, number))
    code = int.from_bytes(line.recv(4, socket.MSG_WAITALL), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
_WHAT = "import sys; del sys.argv[0]; from litekeep.__main__ import main; main()"


@contextmanager
def running_program() -> Iterator[Path]:
    """Yields a folder with a program `litekeep`, to put first in PATH."""
    with tempfile.TemporaryDirectory(prefix="program-") as name:
        folder = Path(name)
        address = str(folder / "line")
        program = folder / "litekeep"
        program.write_text(_CALLER.format(python=sys.executable, address=address, what=_WHAT))
        program.chmod(0o755)
        command = [sys.executable, "-W", "error", "-m", "tests.program", address]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
                yield folder
            finally:
                process.kill()


@cache
def program_folder() -> Path:
    """Returns such a folder, which exists until this process ends."""
    running = running_program()
    folder = running.__enter__()
    atexit.register(running.__exit__, None, None, None)
    return folder


def _serve(address: str) -> None:
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(100)
        print("ready", flush=True)
        while True:
            line, _ = listener.accept()
            with line:
                if os.fork() == 0:
                    listener.close()
                    _answer(line)


def _answer(line: socket.socket) -> NoReturn:
    """Runs between the forker and the child of one caller."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        work, streams = received(line)
        child = os.fork()
        if child == 0:
            line.close()
            become(work, streams)
        for stream in streams:
            os.close(stream)
        line.send(child.to_bytes(4, "big"))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        line.send(code.to_bytes(4, "big", signed=True))
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
