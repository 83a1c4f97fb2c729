"""The image of the command line has all that it needs, and compose.yaml runs it without extra privileges."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from litekeep.app import COMMANDS
from shared.settings import Settings, read_settings
from tests.cli.conftest import Workplace, sample, workplace  # noqa: F401 - fixtures
from tests.images.dockerfile import ROOT, stages

STAGES = stages()
IMAGE = STAGES["litekeep"]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICE = COMPOSE["services"]["litekeep"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The code, copied as in the image."""
    app = tmp_path / "image" / "app"
    copied = [line.split() for line in IMAGE.all("COPY") if "--from=code" in line]
    own = ("console", "jobs", "litekeep")
    assert [(source, target) for _, source, target in copied] == [(f"/{name}", f"./{name}") for name in own]
    for name in ("shared", *own):  # shared comes with the base
        shutil.copytree(ROOT / name, app / name, ignore=shutil.ignore_patterns("__pycache__"))
    return app


def test_image_is_unprivileged_and_has_the_tested_versions() -> None:
    assert IMAGE.base == "base"
    assert not IMAGE.all("USER")  # keeps the base's user
    assert STAGES["litekeep-dependencies"].all("COPY") == ["requirements/run.lock ./"]
    assert json.loads(IMAGE.all("ENTRYPOINT")[0]) == ["python", "-m", "litekeep"]


def test_command_line_runs_with_the_images_code_and_environment(image: Path, workplace: Workplace) -> None:  # noqa: F811 - the fixture
    (workplace.folder / "shared").mkdir()  # the working folder must not be imported from
    (workplace.folder / "shared" / "__init__.py").write_text("raise SystemExit('imported from the working folder')")
    (environment,) = IMAGE.all("ENV")
    settings = dict(pair.split("=", 1) for pair in environment.split())
    assert settings.pop("XDG_STATE_HOME") == "/scratch/state"
    assert settings["PYTHONPATH"] == "/app"
    settings["PYTHONPATH"] = str(image)

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "litekeep", *arguments]
        done = subprocess.run(
            command,
            cwd=workplace.folder,
            env=workplace.environment | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert all(name in run("--help") for name in COMMANDS)
    run("backup", "--kind", "daily", "--verify")
    run("restore", "--backup", "latest", "--to", "new.db")
    assert (workplace.folder / "new.db").read_bytes() == workplace.database.read_bytes()


def test_compose_builds_the_target_without_privileges() -> None:
    assert SERVICE["build"] == {"context": ".", "target": "litekeep"}
    assert (SERVICE["read_only"], SERVICE["cap_drop"]) == (True, ["ALL"])
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ports"} & set(SERVICE)
    assert re.fullmatch(r"\$\{LITEKEEP_USER:-[1-9]\d*:[1-9]\d*\}", SERVICE["user"])


def test_compose_settings_exist_and_their_paths_are_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {}
    for name, value in SERVICE["environment"].items():
        found = re.fullmatch(r"\$\{(\w+):-(.*)\}", value)
        assert found, value
        assert found[1] == name
        assert name.lower() in Settings.model_fields
        defaults[name] = found[2]
        monkeypatch.setenv(name, found[2])
    settings = read_settings()
    mounted = {volume.split(":")[1] for volume in SERVICE["volumes"]}
    for path in (settings.database_url, settings.backup_store, settings.backup_key.removeprefix("file:")):
        assert any(Path(str(path)).is_relative_to(place) for place in mounted), path
    named = {volume.split(":")[0] for volume in SERVICE["volumes"]} - {"./data", "./backups", "./keys"}
    assert named == set(COMPOSE["volumes"])
