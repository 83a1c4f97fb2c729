"""`litekeep` for pages with many commands: a process that has loaded everything forks one child a command.

A start of Python with its imports takes longer than most commands do. The child gets the caller's arguments,
environment, folder and streams, and runs the same `main`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CALLER = """#!{python} -SI
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    what = json.dumps([sys.argv, dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(line, [len(what).to_bytes(4, "big") + what], [0, 1, 2])
    said = line.recv(1)
    sys.exit(said[0] if said else 70)
"""
_LOADED = (
    "litekeep.__main__", "jobs.backup.main", "jobs.restore.main", "jobs.verify.main", "shared.keys.kms",
    "shared.operations.diff", "shared.operations.rows", "shared.sqlitecloud.snapshot", "shared.stores.gcs",
)  # fmt: skip


@contextmanager
def running_forker() -> Iterator[Path]:
    """Yields the folder with a program `litekeep`, for the front of PATH."""
    with tempfile.TemporaryDirectory(prefix="forker-") as name:
        folder = Path(name)
        address = str(folder / "line")
        program = folder / "litekeep"
        program.write_text(_CALLER.format(python=sys.executable, address=address))
        program.chmod(0o755)
        command = [sys.executable, "-m", "tests.docs.forker", address]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
                yield folder
            finally:
                process.kill()


def _serve(address: str) -> None:
    import importlib  # noqa: PLC0415 - of this process alone

    for module in _LOADED:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            line, _ = listener.accept()
            with line:
                if os.fork() == 0:
                    listener.close()
                    _run(line)


def _run(line: socket.socket) -> None:
    """In the child: never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 70
    try:
        content, streams, _, _ = socket.recv_fds(line, 1 << 20, 3)
        size = 4 + int.from_bytes(content[:4], "big")
        while len(content) < size:
            content += line.recv(size - len(content))
        arguments, environment, folder = json.loads(content[4:])
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, closefd=False)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = arguments
        code = _main()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        line.send(bytes([code & 0xFF]))
        os._exit(0)


def _main() -> int:
    from litekeep.__main__ import main  # noqa: PLC0415 - loaded before

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
