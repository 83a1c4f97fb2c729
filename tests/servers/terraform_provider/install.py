"""Installs the stand-in for the real terraform, in a filesystem mirror in a folder of the test run."""

import fcntl
import json
import platform
import shlex
import shutil
import sys
from pathlib import Path

from tests.servers.terraform_provider.prepare import prepare

PROJECT = Path(__file__).resolve().parents[3]
_HOST = "registry.terraform.io/hashicorp"  # Terraform's address of `hashicorp/google`
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def install(folder: Path) -> dict[str, str]:
    """Returns the environment variables that make terraform use only the stand-in.

    Several test processes may call it for the same folder: the first one prepares it, the others wait.
    """
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = folder / "terraform.rc"
        if not settings.exists():
            _install(folder, settings)
    return {"TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1"}


def _install(folder: Path, settings: Path) -> None:
    served = folder / "served"
    shutil.rmtree(served, ignore_errors=True)
    served.mkdir()
    version = prepare(served)
    machine = platform.machine().lower()
    target = f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"
    launcher = folder / "mirror" / _HOST / "google" / version / target / f"terraform-provider-google_v{version}"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "tests.servers.terraform_provider", "google", str(served)]
    launcher.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(PROJECT))} exec {shlex.join(words)}\n")
    launcher.chmod(0o755)
    settings.write_text(
        "disable_checkpoint = true\n"
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(str(folder / 'mirror'))}\n  }}\n}}\n"
    )
