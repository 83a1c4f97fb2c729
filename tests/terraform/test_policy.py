"""checkov has no findings, and every skipped check has a reason."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.terraform.workbench import PROJECT, SOURCE, require

# A separate virtual environment, because checkov's pinned dependencies conflict with others.
_OWN = PROJECT / ".venv-terraform" / "bin" / "checkov"
_SKIP = re.compile(r"checkov:skip=(\w+):?(.*)")


def test_checkov_has_no_findings(tmp_path: Path) -> None:
    checkov = str(_OWN) if _OWN.exists() else require("checkov")
    scanned = tmp_path / "terraform"
    shutil.copytree(SOURCE, scanned, ignore=shutil.ignore_patterns(".terraform*"))
    done = subprocess.run(
        [checkov, "--directory", str(scanned), "--framework", "terraform", "--skip-download", "--output", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    report = json.loads(done.stdout)
    failed = [f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] >= 20, "checkov did not check everything"
    assert report["summary"]["parsing_errors"] == 0


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.tf")), ids=lambda path: path.name)
def test_skipped_check_has_a_reason(path: Path) -> None:
    for check, reason in _SKIP.findall(path.read_text()):
        assert len(reason.split()) > 5, f"{check} is skipped without a reason"
