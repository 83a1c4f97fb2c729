"""A job's pinned dependencies, installed into a clean environment, are enough to run it.

Only the job with the most dependencies and the one with the fewest are tested, because each takes long. For the others,
tests/images/test_requirements.py compares the dependencies with the imports.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from litekeep.sample import make_sample
from shared.keys.keyfile import KeyFile
from tests.images.dockerfile import ROOT
from tests.jobs.runs import environment
from tests.servers.gcs.fixtures import gcs_port  # noqa: F401 - a fixture
from tests.servers.gcs.proxy import running_proxy
from tests.servers.gcs.server import make_bucket

pytestmark = pytest.mark.xdist_group("install")  # makes each environment only once


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, gcs_port: int) -> Iterator[tuple[Path, dict[str, str]]]:  # noqa: F811
    """A database, and a bucket for its backups."""
    folder = tmp_path_factory.mktemp("install")
    (folder / "tmp").mkdir()
    make_sample(folder / "app.db", scale=0.02)
    KeyFile.create(folder / "own.key")
    make_bucket(gcs_port, "installed")
    with running_proxy(gcs_port) as gcs:
        settings = environment(folder) | {"STORAGE_EMULATOR_HOST": gcs.url, "BACKUP_STORE": "gs://installed"}
        yield (
            folder,
            settings | {"CLOUD_RUN_JOB": "litekeep", "BACKUP_KEY": f"file:{folder}/own.key", "PYTHONPATH": "/nowhere"},
        )


def install(folder: Path, job: str) -> Path:
    """Installs what the image has: the job's locked dependencies, the shared code and the job's code.

    Returns the Python of the environment.
    """
    venv = folder / f"{job}-venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    command = [
        *(sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install"),
        *("--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"),
        *("-r", str(ROOT / "requirements" / "jobs" / f"{job}.lock")),
    ]
    subprocess.run(command, check=True)
    app = folder / f"{job}-app"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "shared", app / "shared", ignore=unwanted)
    shutil.copytree(ROOT / "jobs" / job, app / "jobs" / job, ignore=unwanted)
    (app / "jobs" / "__init__.py").touch()
    about = app / "litekeep-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: litekeep\nVersion: 0\n")
    return venv / "bin" / "python"


def run(python: Path, job: str, folder: Path, settings: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [python, "-W", "error", "-m", f"jobs.{job}", *arguments],
        cwd=folder / f"{job}-app",
        env={**settings, "PATH": os.environ["PATH"], "DATABASE_URL": str(folder / "app.db")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("job", "arguments", "event"),
    [("backup", ["--kind=daily", "--verify"], "backup.succeeded"), ("cleanup", [], "cleanup.succeeded")],
)
def test_pinned_dependencies_are_sufficient(
    place: tuple[Path, dict[str, str]], job: str, arguments: list[str], event: str
) -> None:
    folder, settings = place
    python = install(folder, job)
    assert "Usage: python -m jobs." in run(python, job, folder, settings, "--help")
    assert f'"event": "{event}"' in run(python, job, folder, settings, *arguments)
