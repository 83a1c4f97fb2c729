"""The commands that make targets run in the cloud."""

import subprocess

import pytest

from tests.deploy.conftest import ROOT, Desk

EXECUTE = ["--project=acme-backups", "--region=europe-west1", "--wait"]


@pytest.mark.parametrize(
    ("command", "job", "arguments"),
    [
        (["backup-now"], "backup", []),
        (["backup-now", "NAME=pre-deployment-v1.5.0"], "backup", ["--args=^|^--name=pre-deployment-v1.5.0"]),
        (["verify-now"], "verify", ["--args=^|^--backup=latest"]),
        (["restore"], "restore", ["--args=^|^--backup=latest-verified|--dry-run"]),
        (
            ["restore", "BACKUP=one", "TO=sqlitecloud://h.example/a,b"],
            "restore",
            ["--args=^|^--backup=one|--to=sqlitecloud://h.example/a,b"],
        ),
        (["backup-now", "NAME=$(touch made) `touch made`;touch made"], "backup", None),
    ],
)
def test_job_is_executed_and_waited_for(desk: Desk, command: list[str], job: str, arguments: list[str]) -> None:
    desk.call("make", *command, answers=[])
    (call,) = desk.calls("gcloud")
    assert call[:7] == ["run", "jobs", "execute", f"litekeep-{job}", *EXECUTE]
    if arguments is not None:
        assert call[7:] == arguments
    assert not (desk.folder / "made").exists()


@pytest.mark.parametrize("name", ["x|--copy-to=gs://evil", "x\n--copy-to=gs://evil"])
def test_name_cannot_add_an_argument(desk: Desk, name: str) -> None:
    done = desk.call("deploy/execute", "backup", f"--name={name}", answers=[])
    assert done.returncode == 2
    assert "leave it out" in done.stderr
    assert desk.calls("gcloud") == []


def test_failed_job_fails_the_command(desk: Desk) -> None:
    assert desk.call("make", "backup-now", answers=[("execute", 1, "")]).returncode != 0


def test_registry_argument_replaces_terraform_state(desk: Desk) -> None:
    place = "us-east1-docker.pkg.dev/other/keep"
    desk.run("make", "backup-now", f"REGISTRY={place}", answers=[])
    assert desk.calls("terraform") == []
    assert desk.calls("gcloud")[0][3:6] == ["keep-backup", "--project=other", "--region=us-east1"]


@pytest.mark.parametrize("place", ["", "registry.example/x", "a b-docker.pkg.dev/p/l", "r-docker.pkg.dev/p/l/m"])
def test_invalid_registry_stops_before_any_call(desk: Desk, place: str) -> None:
    done = desk.call("deploy/execute", "backup", answers=[("output -raw registry", 0, place)])
    assert done.returncode == 2
    assert "REGISTRY" in done.stderr
    assert desk.calls("gcloud") == []


def test_status_shows_findings_and_fails_with_the_monitor(desk: Desk) -> None:
    found = ("logging read", 0, "ERROR monitor.stale no daily backup")
    assert "monitor.stale" in desk.run("make", "status", answers=[found])
    done = desk.call("deploy/status", answers=[found, ("execute", 1, "")])
    assert "monitor.stale" in done.stdout
    assert done.returncode == 1


def test_deploy_applies_the_confirmed_plan(desk: Desk) -> None:
    desk.run("make", "deploy", "PROJECT=acme-backups", answers=[], typed="acme-backups\n")
    plan, apply = (next(call for call in desk.calls("terraform") if call[1] == verb) for verb in ("plan", "apply"))
    (out,) = [part.removeprefix("-out=") for part in plan if part.startswith("-out=")]
    assert {"-var=project_id=acme-backups", "-var=without_jobs=true"} < set(plan)
    assert apply[-1] == out


@pytest.mark.parametrize("typed", ["", "y\n", "yes\n", "acme\n"])
def test_deploy_without_confirmation_changes_nothing(desk: Desk, typed: str) -> None:
    done = desk.call("deploy/apply", answers=[], typed=typed, PROJECT="acme-backups")
    assert done.returncode != 0
    assert [call for call in desk.calls("terraform") if call[1] == "apply"] == []


def test_deploy_names_missing_project_or_configuration(desk: Desk) -> None:
    assert "PROJECT" in desk.call("deploy/apply", answers=[]).stderr
    (desk.folder / "terraform" / "terraform.tfvars").unlink()
    assert "terraform.tfvars" in desk.call("deploy/apply", answers=[], PROJECT="p").stderr
    assert desk.calls("terraform") == []


SCRIPTS = ("apply", "execute", "place", "plan", "providers", "push", "stage", "status", "take-down")


def test_scripts_run_in_any_posix_shell() -> None:
    files = {path.name for path in (ROOT / "deploy").iterdir() if path.is_file()} - {"deploy.mk"}
    assert files == set(SCRIPTS)
    for path in SCRIPTS:
        assert (ROOT / "deploy" / path).read_text().startswith("#!/bin/sh\n")
        subprocess.run(["dash", "-n", f"deploy/{path}"], cwd=ROOT, check=True)
