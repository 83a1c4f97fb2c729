"""Runs the real terraform on a copy of `terraform/`, so that runs leave no files in the project."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.terraform_provider.install import install

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "terraform"
EVENTS = PROJECT / "shared" / "events" / "events.json"


@dataclass(frozen=True)
class Workbench:
    """An initialised copy of the configuration; `environment` configures the source of providers."""

    folder: Path
    environment: dict[str, str]

    def terraform(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def plan(self, file: str, run: str) -> dict[str, Any]:
        """Returns the plan of a run of a test file, in the format of `terraform show -json` without some fields."""
        done = self.terraform("test", "-json", "-verbose", f"-filter=tests/{file}")
        for line in done.stdout.splitlines():
            message = json.loads(line)
            if message["type"] == "test_plan" and message["@testrun"] == run:
                plan: dict[str, Any] = message["test_plan"]
                return plan
        raise AssertionError(f"terraform test made no plan:\n{done.stdout}{done.stderr}")

    def outputs_of_a_plan(self) -> dict[str, Any]:
        """Returns the outputs of the plan of tests/access.tftest.hcl."""
        changes = self.plan("access.tftest.hcl", "each_job_has_exactly_its_rights")["output_changes"]
        return {name: change["after"] for name, change in changes.items()}


def require(program: str) -> str:
    """Returns the program's path. Skips the test if it is not installed; in CI the test fails."""
    found = shutil.which(program)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def make_workbench(folder: Path, providers: Path) -> Workbench:
    """Copies the configuration to `folder` and installs the stand-in for the provider in `providers`."""
    require("terraform")
    shutil.copytree(
        SOURCE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.auto.tfvars*")
    )
    (folder / "shared" / "events").mkdir(parents=True)
    shutil.copy(EVENTS, folder / "shared" / "events")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    bench = Workbench(folder / "terraform", plain | install(providers))
    done = bench.terraform("init", "-backend=false", "-input=false", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    return bench
