"""The real gcloud accepts the calls of the scripts: without an account it parses them and then stops."""

import subprocess
from pathlib import Path

from tests.deploy.conftest import ROOT, Desk
from tests.terraform.workbench import require


def check_gcloud_accepts(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(
        [require("gcloud"), *arguments],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder), "CLOUDSDK_CONFIG": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "active account" in done.stderr, done.stderr


def test_gcloud_accepts_the_commands_of_the_scripts(desk: Desk, tmp_path: Path) -> None:
    desk.call("make", "restore", "TO=sqlitecloud://h.example/new", answers=[])
    desk.call("deploy/status", answers=[])
    desk.call("deploy/push", answers=[("images describe", 1, "")], BUILD="cloud")
    for call in desk.calls("gcloud"):
        check_gcloud_accepts([str(ROOT / "docs") if part == "." else part for part in call], tmp_path)
