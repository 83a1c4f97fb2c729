"""The example pipelines take a backup, wait for its verification, and stop the deployment if either fails."""

import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, Desk

FILES = ROOT / "deploy" / "application"
GITHUB = {"PROJECT": "acme", "REGION": "europe-west1", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "2"}
# With automapSubstitutions Cloud Build gives every substitution to the step's environment.
BUILD = {"PROJECT_ID": "acme", "_REGION": "europe-west1", "BUILD_ID": "7e1c"}
PIPELINES = [
    pytest.param("github-actions.yml", "run: |", GITHUB, "pre-deployment-42-2", id="github"),
    pytest.param("cloudbuild.yaml", "- |", BUILD, "pre-deployment-7e1c", id="cloud-build"),
]


def step(file: Path, opening: str) -> str:
    """Returns the shell script of the only block that begins with the line `opening`."""
    lines = file.read_text().splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.strip() == opening]
    depth = len(lines[at + 1]) - len(lines[at + 1].lstrip())
    block = []
    for line in lines[at + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) < depth:
            break
        block.append(line)
    return textwrap.dedent("\n".join(block))


@pytest.mark.parametrize(("file", "opening", "given", "name"), PIPELINES)
def test_pipeline_takes_and_verifies_a_backup_first(
    desk: Desk, file: str, opening: str, given: dict[str, str], name: str
) -> None:
    desk.run("bash", "-c", step(FILES / file, opening), answers=[], **given)
    place = ["--project=acme", "--region=europe-west1", "--wait"]
    assert desk.calls("gcloud") == [
        ["run", "jobs", "execute", "litekeep-backup", *place, f"--args=--name={name}"],
        ["run", "jobs", "execute", "litekeep-verify", *place, f"--args=--backup={name}"],
    ]


@pytest.mark.parametrize("job", ["backup", "verify"])
@pytest.mark.parametrize(("file", "opening", "given", "name"), PIPELINES)
def test_failed_job_stops_the_pipeline(
    desk: Desk, file: str, opening: str, given: dict[str, str], name: str, job: str
) -> None:
    done = desk.call("bash", "-c", step(FILES / file, opening), answers=[(f"litekeep-{job}", 3, "")], **given)
    assert done.returncode == 3
    assert desk.calls("gcloud")[-1][3] == f"litekeep-{job}"


@pytest.mark.parametrize("variable", ["PROJECT", "REGION"])
def test_unset_variable_stops_before_any_call(desk: Desk, variable: str) -> None:
    given = {name: value for name, value in GITHUB.items() if name != variable}
    done = desk.call("bash", "-c", step(FILES / "github-actions.yml", "run: |"), answers=[], **given)
    assert done.returncode != 0
    assert f"{variable}: unbound variable" in done.stderr
    assert not desk.calls("gcloud")


def test_pipeline_steps_contain_no_key() -> None:
    text = (FILES / "github-actions.yml").read_text()
    assert "credentials_json" not in text
    assert "${{ secrets." not in text
    assert "id-token: write" in text


@pytest.mark.parametrize(
    ("plan", "event", "code"), [(0, "schedule", 0), (2, "schedule", 2), (2, "pull_request", 0), (1, "pull_request", 1)]
)
def test_plan_with_differences_fails_weekly_but_not_for_pull_requests(
    desk: Desk, plan: int, event: str, code: int
) -> None:
    (desk.folder / "terraform" / ".terraform.lock.hcl").touch()
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["add", "."], ["commit", "-qm", "lock"]):
        subprocess.run(["git", *who, *command], cwd=desk.folder, check=True)
    given = {"PROJECT": "acme", "GITHUB_EVENT_NAME": event}
    done = desk.call("bash", "-c", step(FILES / "plan.yml", "run: |"), answers=[(" plan ", plan, "")], **given)
    assert done.returncode == code, done.stderr
    assert [call for call in desk.calls("terraform") if call[1] == "apply"] == []


def test_plan_without_lock_file_fails(desk: Desk) -> None:
    done = desk.call("bash", "-c", step(FILES / "plan.yml", "run: |"), answers=[], PROJECT="acme")
    assert (done.returncode, "make providers" in done.stderr) == (1, True)
