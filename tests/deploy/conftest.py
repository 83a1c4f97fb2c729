"""Runs the scripts of deploy/ in a clone, with stand-ins for docker, gcloud and terraform."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "a" * 64
MISSING, THERE = ("images describe", 1, ""), ("images describe", 0, DIGEST)
REGISTRY = "europe-west1-docker.pkg.dev/acme-backups/litekeep"
# Records its calls. Prints the text and exits with the code of the first entry of `answers` whose word is in the call.
STAND_IN = """#!/usr/bin/env python3
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["STAND_INS"])
call = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(call) + "\\n")
for word, code, text in json.loads((folder / "answers").read_text()):
    if word in " ".join(call):
        if text:
            print(text)
        sys.exit(code)
"""


@dataclass(frozen=True)
class Desk:
    """A clone of the project, and the recorded calls of the stand-ins."""

    folder: Path
    stand_ins: Path

    def run(self, *command: str, answers: list[tuple[str, int, str]], typed: str = "", **settings: str) -> str:
        done = self.call(*command, answers=answers, typed=typed, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(
        self, *command: str, answers: list[tuple[str, int, str]], typed: str = "", **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        (self.stand_ins / "answers").write_text(json.dumps([*answers, ("output -raw registry", 0, REGISTRY)]))
        ours = {"PROJECT", "REGISTRY", "NAME", "BACKUP", "TO", "BUILD", "STAGE", "KEEP_LOGS", "MAKEFLAGS", "MAKELEVEL"}
        plain = {name: value for name, value in os.environ.items() if name not in ours}
        path = f"{self.stand_ins}:{os.environ['PATH']}"
        environment = plain | {"PATH": path, "STAND_INS": str(self.stand_ins)} | settings
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=typed, capture_output=True, text=True, check=False
        )

    def calls(self, program: str) -> list[list[str]]:
        path = self.stand_ins / "calls"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call[1:] for call in found if call[0] == program]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder, stand_ins = tmp_path / "project", tmp_path / "programs"
    (folder / "terraform").mkdir(parents=True)
    stand_ins.mkdir()
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    for name in ("Makefile", "Dockerfile", "cloudbuild.yaml", ".gitignore", ".dockerignore", "README.md"):
        shutil.copy(ROOT / name, folder)
    (folder / "terraform" / "terraform.tfvars").touch()
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    for name in ("docker", "gcloud", "terraform"):
        (stand_ins / name).write_text(STAND_IN)
        (stand_ins / name).chmod(0o755)
    return Desk(folder, stand_ins)
