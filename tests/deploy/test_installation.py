"""An installation from its first apply to its take-down and back, with the real terraform and scripts.

The provider is the acting stand-in (tests/servers/terraform_provider/acting.py). It shows what Terraform does with this
configuration and its state, but not how Google Cloud reacts. It is one test, because each step needs the previous one.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.terraform_provider.install import install
from tests.terraform.workbench import EVENTS, PROJECT, SOURCE, require

IMAGE = "europe-west1-docker.pkg.dev/acme-backups/litekeep/{}@sha256:" + "a" * 64
IMAGES = {name: IMAGE.format(name) for name in ("backup", "cleanup", "monitor", "restore", "verify")}
KEPT = ["google_kms_crypto_key.", "google_kms_key_ring.", "google_storage_bucket.store"]


@dataclass(frozen=True)
class Installation:
    """A clone with the scripts and the configuration; commands run in `folder`."""

    folder: Path
    environment: dict[str, str]

    def call(self, *command: str, typed: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = self.environment | {"PROJECT": "acme-backups"} | settings
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=typed, capture_output=True, text=True, check=False
        )

    def run(self, *command: str, **settings: str) -> str:
        done = self.call(*command, typed="acme-backups\n" * 2, **settings)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        return done.stdout

    def state(self) -> list[str]:
        found = self.run("terraform", "-chdir=terraform", "state", "list").splitlines()
        return [address for address in found if not address.startswith("data.")]


@pytest.fixture
def installation(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    require("terraform")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    leave_out = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.auto.tfvars*", "terraform.tfvars", "tests")
    shutil.copytree(SOURCE, tmp_path / "terraform", ignore=leave_out)
    shutil.copytree(PROJECT / "deploy", tmp_path / "deploy")
    (tmp_path / "shared" / "events").mkdir(parents=True)
    shutil.copy(EVENTS, tmp_path / "shared" / "events")
    shutil.copy(SOURCE / "examples" / "minimal.tfvars", tmp_path / "terraform" / "terraform.tfvars")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "MAKE"))}
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "sleep").symlink_to("/bin/true")  # no need to wait for Google's service accounts here
    plain["PATH"] = f"{tmp_path / 'programs'}:{plain['PATH']}"
    return Installation(tmp_path, plain | install(shared / "terraform-providers") | {"STAND_IN_ACTS": "1"})


# Six plans and four applies of 120 resources with the real terraform take a minute and a half on an idle machine.
@pytest.mark.timeout(900)
def test_take_down_keeps_backups_and_import_restores_the_installation(installation: Installation) -> None:
    images = installation.folder / "terraform" / "images.auto.tfvars.json"
    assert "make push" in installation.run("deploy/apply")  # before there is an image
    assert not [address for address in installation.state() if address.startswith("google_cloud_run")]
    images.write_text(json.dumps({"images": IMAGES}))
    assert "gcloud run jobs execute litekeep-backup-daily" in installation.run("deploy/apply")
    made = installation.state()
    assert "Nothing differs." in installation.run("deploy/plan")

    # Cloud Run cannot add a disk to an existing job: the plan stops and says how to create it again.
    state = installation.folder / "terraform" / "terraform.tfstate"
    content = state.read_text()
    state.write_text(content.replace('"launch_stage": "BETA"', '"launch_stage": "GA"'))
    done = installation.call("deploy/plan")
    assert (done.returncode, "-replace='google_cloud_run_v2_job.this" in done.stderr) == (1, True)
    state.write_text(content)

    # Without the file of images (not pulled yet) the plan stops, so that no job is deleted.
    images.unlink()
    done = installation.call("deploy/plan")
    assert (done.returncode, "git pull" in " ".join(done.stderr.replace("│", " ").split())) == (1, True)
    images.write_text(json.dumps({"images": IMAGES}))
    assert installation.call("deploy/take-down", typed="acme\n").returncode == 1
    assert installation.state() == made

    output = installation.run("deploy/take-down")
    stays = [line.split()[1] for line in output.splitlines() if line.startswith("keeps: ")]
    assert sorted(address for address in made if address.startswith(tuple(KEPT))) == sorted(
        address for address in stays if not address.startswith("google_kms_crypto_key_iam_member")
    )
    assert installation.state() == []
    assert not [line for line in output.splitlines() if line.startswith(tuple(stays)) and "Destr" in line]

    shutil.copy(installation.folder / "terraform" / "examples" / "imports.tf", installation.folder / "terraform")
    back = installation.run("deploy/apply")
    assert "5 imported" in back
    assert installation.state() == made
