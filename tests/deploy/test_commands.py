"""Every command in an alert, an output or the guide is valid for its program, and names resources of the plan."""

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from litekeep.app import litekeep
from tests.deploy.conftest import ROOT
from tests.deploy.printed_commands import (
    PrintedCommand,
    commands_of_alerts,
    commands_of_outputs,
    commands_of_the_guide,
    plan_of,
    values,
)
from tests.deploy.test_gcloud import check_gcloud_accepts
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
def plan_commands(plan: dict[str, Any]) -> list[PrintedCommand]:
    return [*commands_of_alerts(plan), *commands_of_outputs(plan)]


@pytest.fixture(scope="module")
def all_commands(plan_commands: list[PrintedCommand]) -> list[PrintedCommand]:
    return [*plan_commands, *commands_of_the_guide()]


def flag(command: PrintedCommand, name: str) -> str | None:
    return next((word.partition("=")[2] for word in command.words if word.startswith(f"--{name}=")), None)


def parsed(command: click.Command, arguments: list[str]) -> None:
    """Parses the arguments. Raises click's error if the command does not accept them."""
    if isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), arguments[0])
        assert inner is not None, arguments
        parsed(inner, arguments[1:])
    else:
        command.make_context("x", list(arguments))


def test_commands_are_found_in_alerts_outputs_and_guide(all_commands: list[PrintedCommand]) -> None:
    where = {command.where for command in all_commands}
    assert len(where) > 40
    assert {"docs/deploy.md", "output next_steps"} < where


def test_every_command_begins_with_a_known_program(all_commands: list[PrintedCommand]) -> None:
    known = SHELL | {"gcloud", "litekeep", "make", "terraform"}
    strange = [command for command in all_commands if command.program not in known | {"deploy/execute", "deploy/plan"}]
    assert strange == []


def test_no_command_sets_a_map_variable(all_commands: list[PrintedCommand]) -> None:
    assert [command for command in all_commands if re.search(r"-var\b.*[{\[]", command.line)] == []


def test_litekeep_accepts_every_printed_command(all_commands: list[PrintedCommand]) -> None:
    ours = [command for command in all_commands if command.program == "litekeep"]
    assert len(ours) > 8
    for command in ours:
        parsed(litekeep, command.words[1:])


def test_jobs_accept_their_printed_arguments(all_commands: list[PrintedCommand], plan: dict[str, Any]) -> None:
    images = {job["name"]: job["template"][0]["template"][0]["containers"][0] for job in values(plan, JOB)}
    started = [command for command in all_commands if command.words[1:4] == ["run", "jobs", "execute"]]
    assert len(started) > 15
    for command in started:
        name = command.words[4].replace("litekeep-", f"{PREFIX}-", 1)
        assert name in images, command
        container = images[name]
        given = flag(command, "args")
        arguments = given.split(",") if given else container["args"] or []
        job = container["image"].partition("@")[0].rpartition("/")[2]
        parsed(getattr(importlib.import_module(f"jobs.{job}.command"), job), arguments)


def test_commands_name_resources_of_the_plan(plan_commands: list[PrintedCommand], plan: dict[str, Any]) -> None:
    jobs = {job["name"] for job in values(plan, JOB)}
    schedules = {job["name"] for job in values(plan, "google_cloud_scheduler_job")}
    sinks = {sink["name"] for sink in values(plan, "google_logging_project_sink")}
    rings = {(ring["name"], ring["location"]) for ring in values(plan, "google_kms_key_ring")}
    accounts = {
        f"{one['account_id']}@{PROJECT}.iam.gserviceaccount.com" for one in values(plan, "google_service_account")
    }
    for command in plan_commands:
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


def test_printed_make_targets_and_terraform_outputs_exist(
    all_commands: list[PrintedCommand], plan: dict[str, Any]
) -> None:
    for command in all_commands:
        if command.program == "make":
            done = subprocess.run(
                ["make", "--dry-run", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
        if command.program == "terraform" and "output" in command.words:
            assert command.words[-1] in plan["output_changes"], command


def test_gcloud_accepts_every_printed_command(all_commands: list[PrintedCommand], tmp_path: Path) -> None:
    """Checks one command of each form (verbs and flags), because each check starts gcloud."""
    require("gcloud")
    forms: dict[str, PrintedCommand] = {}
    for command in all_commands:
        if command.program == "gcloud" and command.words[1] != "auth":
            words = [word for word in command.words if re.fullmatch(r"[a-z][a-z-]*|--[a-z-]+(=.*)?", word, re.DOTALL)]
            ours = re.compile("litekeep|orders-backup|acme")
            verbs = [word for word in words if not word.startswith("--") and not ours.match(word)]
            flags = sorted(word.partition("=")[0] for word in words if word.startswith("--"))
            forms.setdefault(" ".join([*verbs, *flags]), command)
    assert 15 < len(forms) < 40
    for command in forms.values():
        check_gcloud_accepts(command.words[1:], tmp_path)
