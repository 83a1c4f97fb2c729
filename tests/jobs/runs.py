"""Runs jobs as Cloud Run does: entry point, arguments and environment; and reads their log lines."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.settings import Settings
from tests import forker

ROOT = Path(__file__).parents[2]
Line = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A finished run: its exit code and output."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Line]:
        """The structured entries that Cloud Logging makes of stdout: its lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def events(self) -> list[str]:
        """The names of the events, without audit events."""
        return [line["event"] for line in self.lines if line["event"] != "audit"]

    def line(self, event: str) -> Line:
        (found,) = [line for line in self.lines if line["event"] == event]
        return found


@dataclass(frozen=True)
class Job:
    """A job on Cloud Run, with its execution and attempt."""

    folder: Path
    environment: dict[str, str]
    execution: str = "litekeep-backup-daily-x7kq2"
    attempt: int = 0

    @property
    def database(self) -> Path:
        return self.folder / "app.db"

    @property
    def store(self) -> Path:
        return self.folder / "backups"

    def of(self, execution: str, attempt: int = 0) -> "Job":
        return replace(self, execution=execution, attempt=attempt)

    def start(self, name: str, *arguments: str, interrupt: bool = False, **settings: str) -> "subprocess.Popen[str]":
        """Starts a job. `interrupt`: the caller sends it a signal, which may arrive while Python opens a file."""
        filters = ["-W", "error", *(["-W", "ignore::ResourceWarning"] if interrupt else [])]
        cloud_run = {
            "CLOUD_RUN_JOB": f"litekeep-{name}",
            "CLOUD_RUN_EXECUTION": self.execution,
            "CLOUD_RUN_TASK_INDEX": "0",
            "CLOUD_RUN_TASK_COUNT": "1",
            "CLOUD_RUN_TASK_ATTEMPT": str(self.attempt),
        }
        return forker.Popen(
            [sys.executable, *filters, "-m", name if name == "litekeep" else f"jobs.{name}", *arguments],
            cwd=self.folder,
            env=self.environment | cloud_run | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, *arguments: str, **settings: str) -> Run:
        with self.start(name, *arguments, **settings) as process:
            return finish(process)

    def manifests(self) -> list[str]:
        return sorted(path.name for path in self.store.rglob("*.manifest.json"))


def finish(process: "subprocess.Popen[str]", seconds: float = 60) -> Run:
    out, err = process.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    return Run(process.returncode, out, err)


def environment(folder: Path) -> dict[str, str]:
    """Returns the environment of a job on the files in `folder`, without the settings of the test runner."""
    ours = {name.upper() for name in Settings.model_fields} | {"DEBUG", "LITEKEEP_KMS_ENDPOINT"}
    return {name: value for name, value in os.environ.items() if name not in ours} | {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
        "DATABASE_URL": "app.db",
        "BACKUP_STORE": "backups",
        "BACKUP_KEY": "file:litekeep.key",
        "GCE_METADATA_HOST": "127.0.0.1:1",  # no server listens there
        "GOOGLE_CLOUD_PROJECT": "acme-prod",
    }
