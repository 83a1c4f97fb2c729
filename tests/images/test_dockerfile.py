"""Rules for every image. hadolint, in `make check`, checks the rest."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images.dockerfile import ROOT, TARGETS, Stage, base_image, stages

STAGES = stages()


def lineage(name: str) -> list[Stage]:
    stage = STAGES[name]
    return [stage, *(lineage(stage.base) if stage.base in STAGES else [])]


def test_every_job_and_service_has_a_target() -> None:
    jobs = {path.parent.name for path in ROOT.glob("jobs/*/__main__.py")}
    assert set(TARGETS) == jobs | {"verify-on-arrival", "console"}
    assert set(TARGETS) <= set(STAGES)


def test_only_the_digest_pinned_base_image_is_used() -> None:
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", base_image())
    assert {stage.base for stage in STAGES.values()} <= {"${BASE}", *STAGES}


@pytest.mark.parametrize("target", TARGETS)
def test_image_runs_its_entry_point_without_a_shell(target: str) -> None:
    (entry_point,) = STAGES[target].all("ENTRYPOINT")
    command = json.loads(entry_point)
    module = {"verify-on-arrival": "functions_framework", "console": "console"}.get(target, f"jobs.{target}")
    assert command[:3] == ["python", "-m", module]
    assert not STAGES[target].all("CMD")


@pytest.mark.parametrize("target", TARGETS)
def test_image_does_not_run_as_root(target: str) -> None:
    users = [user for stage in lineage(target) for user in stage.all("USER")]
    assert users
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)


@pytest.mark.parametrize("target", TARGETS)
def test_image_has_only_its_job_and_dependencies(target: str) -> None:
    copied = STAGES[target].all("COPY")
    jobs = {"verify-on-arrival": {"verify"}, "console": set[str]()}.get(target, {target})
    assert [line for line in copied if "/venv" in line] == [f"--from={target}-dependencies /venv /venv"]
    assert {found for line in copied for found in re.findall(r"/jobs/([a-z]+)", line)} == jobs
    dependencies = STAGES[f"{target}-dependencies"]
    assert dependencies.all("COPY") == [f"requirements/jobs/{target}.lock ./"]
    assert f"-r {target}.lock" in dependencies.all("RUN")[0]


@pytest.mark.parametrize("target", TARGETS)
def test_image_writes_to_the_volume_and_logs_unbuffered(target: str) -> None:
    settings = " ".join(value for stage in lineage(target) for value in stage.all("ENV"))
    for setting in ("TMPDIR=/scratch", "SQLITE_TMPDIR=/scratch", "PYTHONUNBUFFERED=1"):
        assert setting in settings.split()


def test_only_hash_pinned_wheels_are_installed() -> None:
    settings = STAGES["builder"].all("ENV")[0].split()
    assert {"PIP_REQUIRE_HASHES=1", "PIP_ONLY_BINARY=:all:"} <= set(settings)
    for stage in STAGES.values():
        for command in stage.all("RUN"):
            assert command.count("PIP_REQUIRE_HASHES=0") <= command.count("--no-deps --no-build-isolation")


def test_build_context_has_only_the_copied_files() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = {
        line.split()[0].removeprefix("./").split("/")[0]
        for stage in STAGES.values()
        for line in stage.all("COPY")
        if not line.startswith("--from")
    }
    included = {rule.removeprefix("!") for rule in rules[1:] if rule.startswith("!")}
    assert (
        copied <= included == {"console", "jobs", "litekeep", "pyproject.toml", "README.md", "requirements", "shared"}
    )


def test_hadolint_accepts_the_dockerfile_and_rejects_a_bad_one(tmp_path: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    assert subprocess.run([linter, ROOT / "Dockerfile"], cwd=ROOT, check=False).returncode == 0
    shutil.copy(ROOT / ".hadolint.yaml", tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && apt-get install curl\nCMD run\n")
    found = subprocess.run([linter, "Dockerfile"], cwd=tmp_path, capture_output=True, check=False)
    assert found.returncode != 0


def test_cloud_build_builds_all_targets_by_default() -> None:
    text = (ROOT / "cloudbuild.yaml").read_text()
    (targets,) = re.findall(r"^  _TARGETS: (.*)$", text, re.MULTILINE)
    assert targets.split() == list(TARGETS)


def test_tag_and_upload_cover_exactly_the_copied_files() -> None:
    (named,) = re.findall(r"^set -- (.*)$", (ROOT / "deploy" / "push").read_text(), re.MULTILINE)
    copied = [value.split()[:-1] for stage in STAGES.values() for value in stage.all("COPY") if "--from=" not in value]
    tops = {path.split("/")[0] for paths in copied for path in paths}
    assert tops | {".dockerignore", "Dockerfile"} == set(named.split())
    sent = re.findall(r"^!/(\S+)$", (ROOT / ".gcloudignore").read_text(), re.MULTILINE)
    assert set(sent) == set(named.split())
