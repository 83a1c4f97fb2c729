"""Every command in an alert, an output or the guide is understood by its program, and names what the plan makes."""

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from litekeep.app import litekeep
from tests.deploy.conftest import ROOT
from tests.deploy.test_gcloud import understood
from tests.deploy.told import Told, of_alerts, of_outputs, of_the_guide, plan_of, values
from tests.terraform.conftest import workbench  # noqa: F401 - a fixture
from tests.terraform.logging_query import compile_query
from tests.terraform.workbench import Workbench, require

SHELL = {"cp", "eval", "export", "git", "mkdir", "printf", "read", "rm"}
JOB = "google_cloud_run_v2_job"
PREFIX, PROJECT, REGION = "orders-backup", "acme-backups", "europe-west1"


@pytest.fixture(scope="module")
def plan(workbench: Workbench) -> dict[str, Any]:  # noqa: F811
    return plan_of(workbench, "full")


@pytest.fixture(scope="module")
def told(plan: dict[str, Any]) -> list[Told]:
    return [*of_alerts(plan), *of_outputs(plan)]


@pytest.fixture(scope="module")
def everywhere(told: list[Told]) -> list[Told]:
    return [*told, *of_the_guide()]


def flag(command: Told, name: str) -> str | None:
    return next((word.partition("=")[2] for word in command.words if word.startswith(f"--{name}=")), None)


def parsed(command: click.Command, arguments: list[str]) -> None:
    """Raises click's error when the command line takes no such arguments."""
    if isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), arguments[0])
        assert inner is not None, arguments
        parsed(inner, arguments[1:])
    else:
        command.make_context("x", list(arguments))


def test_there_are_commands_in_alerts_outputs_and_guide(everywhere: list[Told]) -> None:
    where = {command.where for command in everywhere}
    assert len(where) > 40
    assert {"docs/deploy.md", "output next_steps"} < where


def test_each_begins_with_a_program_that_is_there(everywhere: list[Told]) -> None:
    known = SHELL | {"gcloud", "litekeep", "make", "terraform"}
    strange = [command for command in everywhere if command.program not in known | {"deploy/execute", "deploy/plan"}]
    assert strange == []


def test_no_command_gives_a_whole_map_which_would_reset_what_it_does_not_name(everywhere: list[Told]) -> None:
    assert [command for command in everywhere if re.search(r"-var\b.*[{\[]", command.line)] == []


def test_litekeep_takes_each_of_its_commands(everywhere: list[Told]) -> None:
    ours = [command for command in everywhere if command.program == "litekeep"]
    assert len(ours) > 8
    for command in ours:
        parsed(litekeep, command.words[1:])


def test_jobs_take_the_arguments_that_they_are_started_with(everywhere: list[Told], plan: dict[str, Any]) -> None:
    images = {job["name"]: job["template"][0]["template"][0]["containers"][0] for job in values(plan, JOB)}
    started = [command for command in everywhere if command.words[1:4] == ["run", "jobs", "execute"]]
    assert len(started) > 15
    for command in started:
        name = command.words[4].replace("litekeep-", f"{PREFIX}-", 1)
        assert name in images, command
        container = images[name]
        given = flag(command, "args")
        arguments = given.split(",") if given else container["args"] or []
        job = container["image"].partition("@")[0].rpartition("/")[2]
        parsed(getattr(importlib.import_module(f"jobs.{job}.command"), job), arguments)


def test_what_a_command_names_is_what_the_plan_makes(told: list[Told], plan: dict[str, Any]) -> None:
    jobs = {job["name"] for job in values(plan, JOB)}
    schedules = {job["name"] for job in values(plan, "google_cloud_scheduler_job")}
    sinks = {sink["name"] for sink in values(plan, "google_logging_project_sink")}
    rings = {(ring["name"], ring["location"]) for ring in values(plan, "google_kms_key_ring")}
    accounts = {
        f"{one['account_id']}@{PROJECT}.iam.gserviceaccount.com" for one in values(plan, "google_service_account")
    }
    for command in told:
        if command.program != "gcloud":
            continue
        words = command.words
        assert flag(command, "project") in (PROJECT, None), command
        assert flag(command, "region") in (REGION, None), command
        if words[1:3] != ["storage", "ls"] and words[1:3] != ["storage", "restore"] and words[1] != "projects":
            assert flag(command, "project") == PROJECT or words[1:3] == ["storage", "rsync"], command
        if words[1:3] == ["scheduler", "jobs"] and words[3] == "describe":
            assert words[4] in schedules, command
        if job := flag(command, "job"):
            assert job in jobs, command
        if ring := flag(command, "keyring"):
            assert (ring, flag(command, "location")) in rings, command
        if words[1:4] == ["logging", "sinks", "describe"]:
            assert words[4] in sinks, command
        if account := flag(command, "iam-account"):
            assert account in accounts, command
        if words[1:3] == ["logging", "read"]:
            compile_query(words[3])


def test_make_has_each_target_and_terraform_each_output(everywhere: list[Told], plan: dict[str, Any]) -> None:
    for command in everywhere:
        if command.program == "make":
            done = subprocess.run(
                ["make", "--dry-run", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
        if command.program == "terraform" and "output" in command.words:
            assert command.words[-1] in plan["output_changes"], command


def test_gcloud_understands_each_of_its_commands(everywhere: list[Told], tmp_path: Path) -> None:
    """One of each form (verbs, and which flags), as each costs gcloud a start of its own."""
    require("gcloud")
    forms: dict[str, Told] = {}
    for command in everywhere:
        if command.program == "gcloud" and command.words[1] != "auth":
            words = [word for word in command.words if re.fullmatch(r"[a-z][a-z-]*|--[a-z-]+(=.*)?", word, re.DOTALL)]
            ours = re.compile("litekeep|orders-backup|acme")
            verbs = [word for word in words if not word.startswith("--") and not ours.match(word)]
            flags = sorted(word.partition("=")[0] for word in words if word.startswith("--"))
            forms.setdefault(" ".join([*verbs, *flags]), command)
    assert 15 < len(forms) < 40
    for command in forms.values():
        understood(command.words[1:], tmp_path)
