"""Runs the command line in a separate process and folder."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from litekeep.sample import make_sample
from shared.settings import Settings
from tests import forker

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Workplace:
    """A folder with a small sample database, to run `litekeep` in."""

    folder: Path
    environment: dict[str, str]

    @property
    def database(self) -> Path:
        return self.folder / "app.db"

    @property
    def store(self) -> Path:
        return self.folder / "backups"

    def stored(self) -> list[str]:
        """Returns the names of the objects in the store, without the audit trail."""
        return sorted(
            str(path.relative_to(self.store))
            for path in self.store.rglob("*")
            if path.is_file() and ".staging" not in path.parts and path.relative_to(self.store).parts[0] != "audit"
        )

    def run(
        self, *arguments: str | Path, module: str = "litekeep", under: tuple[str, ...] = (), **settings: str
    ) -> Outcome:
        """Runs a command, under another program such as strace if `under` is given."""
        command = [*under, sys.executable, "-W", "error", "-m", module, *map(str, arguments)]
        done = forker.run(
            command,
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)

    def good(self, *arguments: str | Path, **settings: str) -> Outcome:
        outcome = self.run(*arguments, **settings)
        assert outcome.code == 0, outcome.err
        return outcome


def clean_environment() -> dict[str, str]:
    ours = {name.upper() for name in Settings.model_fields} | {"DEBUG", "LITEKEEP_KMS_ENDPOINT"}
    return {name: value for name, value in os.environ.items() if name not in ours} | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sample") / "sample.db"
    make_sample(path, scale=0.02)
    return path.read_bytes()


@pytest.fixture
def workplace(tmp_path: Path, sample: bytes) -> Workplace:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "app.db").write_bytes(sample)
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_DATA_HOME": str(tmp_path / "share")}
    environment = clean_environment() | state | {"DATABASE_URL": "app.db", "TMPDIR": str(tmp_path / "tmp")}
    return Workplace(tmp_path, environment)


@pytest.fixture
def one_line() -> Callable[[Outcome, int], str]:
    """Returns a check that a failed command prints one error line, nothing on stdout, and has this exit code."""

    def check(outcome: Outcome, code: int) -> str:
        assert outcome.code == code, (outcome.code, outcome.err)
        assert outcome.out == ""
        lines = [line for line in outcome.err.splitlines() if "NEW KEY" not in line and " error backup." not in line]
        lines = [line for line in lines if not line.startswith("20")]
        assert len(lines) == 1, outcome.err
        assert lines[0].startswith("error: ")
        return lines[0]

    return check
