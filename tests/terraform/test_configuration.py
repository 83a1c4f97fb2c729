"""The configuration is formatted, valid, and passes its own tests."""

import subprocess

import pytest

from tests.terraform.workbench import SOURCE, Workbench, require

TEST_FILES = sorted(path.name for path in (SOURCE / "tests").glob("*.tftest.hcl"))
EXAMPLES = sorted(path.name for path in (SOURCE / "examples").glob("*.tfvars"))


def test_terraform_fmt_changes_nothing() -> None:
    terraform = require("terraform")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-recursive", "-diff"], cwd=SOURCE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_terraform_validate_passes(workbench: Workbench) -> None:
    done = workbench.terraform("validate", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", TEST_FILES)
def test_terraform_test_file_passes(workbench: Workbench, file: str) -> None:
    done = workbench.terraform("test", "-no-color", f"-filter=tests/{file}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success!" in done.stdout, "nothing was tested"


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_can_be_planned(workbench: Workbench, example: str) -> None:
    done = workbench.terraform("test", "-no-color", "-test-directory=examples", f"-var-file=examples/{example}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_minimal_example_has_five_lines() -> None:
    lines = (SOURCE / "examples" / "minimal.tfvars").read_text().splitlines()
    assert len(lines) == 5
