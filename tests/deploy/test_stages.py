"""Several installations from one clone, plans for CI, and the lock file of providers."""

import os
import subprocess
import time

import pytest

from tests.deploy.conftest import THERE, Desk


@pytest.fixture
def staged(desk: Desk) -> Desk:
    """A clone with two stages, and their state in a bucket."""
    folder = desk.folder / "terraform"
    (folder / "terraform.tfvars").unlink()
    (folder / "stages").mkdir()
    for stage in ("production", "staging"):
        (folder / "stages" / f"{stage}.tfvars").touch()
    (folder / "backend.tf").write_text('terraform {\n  backend "gcs" {}\n}\n')
    return desk


def test_stage_has_its_own_variables_images_and_state(staged: Desk) -> None:
    staged.run("make", "push", "STAGE=staging", answers=[THERE])
    assert (staged.folder / "terraform" / "stages" / "staging.images.tfvars.json").exists()
    staged.run("make", "deploy", "STAGE=staging", "PROJECT=acme-backups", answers=[], typed="acme-backups\n")
    init, plan = (next(call for call in staged.calls("terraform") if call[1] == verb) for verb in ("init", "plan"))
    assert "-backend-config=prefix=litekeep/staging" in init
    assert "-var-file=stages/staging.tfvars" in plan
    assert "-var-file=stages/staging.images.tfvars.json" in plan
    assert "-var=without_jobs=true" not in plan
    staged.run("make", "plan", "STAGE=production", "PROJECT=acme-production", answers=[])
    init, plan = ([call for call in staged.calls("terraform") if call[1] == verb][-1] for verb in ("init", "plan"))
    assert "-backend-config=prefix=litekeep/production" in init
    assert not [part for part in plan if "staging" in part]


@pytest.mark.parametrize("stage", ["../x", "none", "-x", "A"])
def test_unknown_stage_stops_before_any_call(staged: Desk, stage: str) -> None:
    done = staged.call("deploy/apply", answers=[], STAGE=stage, PROJECT="acme-backups")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert staged.calls("terraform") == []


@pytest.mark.parametrize("mixed", ["terraform.tfvars", "more.auto.tfvars", "images.auto.tfvars.json"])
def test_shared_variable_file_stops_a_stage(staged: Desk, mixed: str) -> None:
    (staged.folder / "terraform" / mixed).touch()
    done = staged.call("deploy/plan", answers=[], STAGE="staging", PROJECT="acme-backups")
    assert (done.returncode, mixed in done.stderr) == (2, True)


def test_stages_without_a_remote_state_are_refused(staged: Desk) -> None:
    (staged.folder / "terraform" / "backend.tf").unlink()
    assert "backend.tf" in staged.call("deploy/plan", answers=[], STAGE="staging", PROJECT="p").stderr


@pytest.mark.parametrize(("code", "text"), [(0, "Nothing differs."), (2, "differs from this configuration"), (1, "")])
def test_plan_exit_code_reports_differences(desk: Desk, code: int, text: str) -> None:
    done = desk.call("deploy/plan", answers=[(" plan ", code, "")], PROJECT="acme-backups")
    assert (done.returncode, text in done.stdout) == (code, True)
    assert {"-lock=false", "-detailed-exitcode"} < set(desk.calls("terraform")[-1])
    assert [call for call in desk.calls("terraform") if call[1] == "apply"] == []


def test_failed_apply_says_what_to_do(desk: Desk) -> None:
    done = desk.call("deploy/apply", answers=[(" apply ", 1, "")], typed="acme-backups\n", PROJECT="acme-backups")
    assert (done.returncode, "run the same command again" in done.stderr) == (1, True)


def test_lock_file_covers_four_platforms_and_its_age_is_checked(desk: Desk) -> None:
    desk.run("make", "providers", answers=[])
    assert len([part for part in desk.calls("terraform")[-1] if part.startswith("-platform=")]) == 4
    assert "make providers" in desk.call("make", "providers-age", answers=[]).stderr
    (desk.folder / "terraform" / ".terraform.lock.hcl").touch()
    for days, code in ((100, 1), (1, 0)):
        when = f"{int(time.time()) - days * 86400} +0000"
        who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        (desk.folder / "terraform" / ".terraform.lock.hcl").write_text(when)
        dated = os.environ | {"GIT_COMMITTER_DATE": when}
        for command in (["add", "."], ["commit", "-qm", "lock"]):
            subprocess.run(["git", *who, *command], cwd=desk.folder, check=True, env=dated)
        done = desk.call("deploy/providers", "age", answers=[])
        assert (done.returncode, f"{days} days old" in done.stdout + done.stderr) == (code, True)
