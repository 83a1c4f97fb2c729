"""The console in a process of its own, served by gunicorn, with a restore job that it can start."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests import forker
from tests.console.issuer import AUDIENCE, Issuer
from tests.console.site import ROOT

JOB = "projects/acme-prod/locations/europe-west1/jobs/litekeep-restore"
_START_SECONDS = 60.0


@dataclass
class CloudRun:
    """A stand-in for Cloud Run's API: runs the restore job as a local process, with the arguments it receives."""

    environment: dict[str, str]
    folder: Path
    port: int = 0
    asked: list[Any] = field(default_factory=list)
    runs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, body: Any) -> None:
        self.asked.append(body)
        (override,) = body["overrides"]["containerOverrides"]
        command = [sys.executable, "-m", "jobs.restore", *override["args"]]
        own = self.environment | {"CLOUD_RUN_JOB": "litekeep-restore"}
        self.runs.append(
            forker.Popen(command, env=own, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )

    def finish(self) -> None:
        """Waits for the newest run, and checks that it succeeded."""
        _, errors = self.runs[-1].communicate(timeout=120)
        assert self.runs[-1].returncode == 0, errors.decode()


@dataclass(frozen=True)
class Deployment:
    """A console that serves at `url`."""

    url: str
    issuer: Issuer
    job: CloudRun


@contextmanager
def cloud_run(environment: dict[str, str], folder: Path) -> Iterator[CloudRun]:
    job = CloudRun(environment, folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            known = self.path == f"/v2/{JOB}:run"
            if known:
                job.start(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        job.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield job
        finally:
            server.shutdown()
            thread.join()
            for run in job.runs:
                if run.stderr:
                    run.stderr.close()


@contextmanager
def deployed(folder: Path, settings: dict[str, str], issuer: Issuer, keys_port: int) -> Iterator[Deployment]:
    """Runs `python -m console` during the block."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "STORAGE_EMULATOR_HOST") if name in os.environ}
    base = inherited | {"PYTHONPATH": str(ROOT), "GCE_METADATA_HOST": "127.0.0.1:1", "ENVIRONMENT": "production"}
    base |= {"XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder)} | settings
    port = _free_port()
    with cloud_run(base, folder) as job:
        own = base | {
            "BACKUP_CONSOLE_AUDIENCES": AUDIENCE,
            "BACKUP_CONSOLE_RESTORE_JOB": JOB,
            "LITEKEEP_IAP_ENDPOINT": f"127.0.0.1:{keys_port}",
            "LITEKEEP_RUN_ENDPOINT": f"127.0.0.1:{job.port}",
            "PORT": str(port),
        }
        log = folder / "console.log"
        command = [sys.executable, "-m", "console"]
        with (
            log.open("wb") as output,
            subprocess.Popen(command, env=own, cwd=folder, stdout=output, stderr=output) as process,
        ):
            try:
                _wait(process, f"http://127.0.0.1:{port}", log)
                yield Deployment(f"http://127.0.0.1:{port}", issuer, job)
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the console did not start: {log.read_text(errors='replace')[-2000:]}")
