"""Starts the verification service as its image does, and delivers events as Eventarc does."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.jobs.runs import ROOT, Line

FINALIZED = "google.cloud.storage.object.v1.finalized"
_START_SECONDS = 30


@dataclass(frozen=True)
class Service:
    port: int
    log: Path

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def about(self, backup_id: str) -> list[str]:
        return [line["event"] for line in self.lines if line.get("backup_id") == backup_id]

    def announce(self, bucket: str, name: str, **attributes: str) -> int:
        """Delivers the event of a new object in CloudEvents' binary mode. Returns the response status."""
        data = {"bucket": bucket, "name": name, "generation": "1", "size": "10", "kind": "storage#object"}
        return self.deliver(data, **attributes)

    def deliver(self, data: Any, **attributes: str) -> int:
        known = {"id": "1", "source": "//storage.googleapis.com/x", "specversion": "1.0", "type": FINALIZED}
        headers = {f"ce-{name}": value for name, value in (known | attributes).items()}
        return self.post(json.dumps(data).encode(), {"Content-Type": "application/json", **headers})

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


def entry_point(target: str) -> list[str]:
    """Returns the entry point of a Dockerfile target."""
    _, _, stage = (ROOT / "Dockerfile").read_text().partition(f" AS {target}\n")
    line = next(line for line in stage.splitlines() if line.startswith("ENTRYPOINT "))
    command: list[str] = json.loads(line.removeprefix("ENTRYPOINT "))
    return command


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "service.log"
    program, *arguments = entry_point("verify-on-arrival")
    assert program == "python"
    ports = {"PORT": str(port), "HOST": "127.0.0.1", "THREADS": "1"}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment | ports, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait(process, port, log)
            yield Service(port, log)
        finally:
            process.terminate()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the service did not start: {log.read_text()[-2000:]}")
