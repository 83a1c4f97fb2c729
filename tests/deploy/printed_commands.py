"""The commands that people are asked to run: in alerts and outputs of the full example, and in docs/deploy.md."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.conftest import ROOT
from tests.terraform.workbench import Workbench


@dataclass(frozen=True)
class PrintedCommand:
    """A printed command; `where` is its alert, output or page, `words` its words without leading settings."""

    where: str
    line: str
    words: list[str] = field(default_factory=list)

    @property
    def program(self) -> str:
        return self.words[0]


def plan_of(bench: Workbench, example: str) -> dict[str, Any]:
    """Returns the plan of an example, as `terraform test` makes it."""
    done = bench.terraform(
        "test", "-json", "-verbose", "-test-directory=examples", f"-var-file=examples/{example}.tfvars"
    )
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "test_plan":
            plan: dict[str, Any] = message["test_plan"]
            return plan
    raise AssertionError(done.stdout + done.stderr)


def values(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [change["change"]["after"] for change in plan["resource_changes"] if change["type"] == kind]


def commands_of(where: str, text: str) -> Iterator[PrintedCommand]:
    """Yields the commands of a block; a line may have several, joined by && or |."""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        lexer = shlex.shlex(stripped, posix=True, punctuation_chars="|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "&&"]:
            if word in ("|", "&&"):
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words = words[1:]
                if words:
                    yield PrintedCommand(where, stripped, words)
                words = []
            else:
                words.append(word)


def commands_of_alerts(plan: dict[str, Any]) -> Iterator[PrintedCommand]:
    for policy in values(plan, "google_monitoring_alert_policy"):
        text = policy["documentation"][0]["content"].partition("\nRun:\n")[2]
        assert text, policy["display_name"]
        yield from commands_of(
            policy["display_name"], text.replace("${resource.label.job_name}", "orders-backup-backup")
        )


def commands_of_outputs(plan: dict[str, Any]) -> Iterator[PrintedCommand]:
    outputs = plan["output_changes"]
    for name in ("backup_now", "next_steps", "restore", "take_down", "verify_latest"):
        yield from commands_of(f"output {name}", outputs[name]["after"])


def commands_of_the_guide() -> Iterator[PrintedCommand]:
    text = (ROOT / "docs" / "deploy.md").read_text()
    for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from commands_of("docs/deploy.md", block)
    for line in re.findall(r"^\|.*?\| `((?:make|deploy/|gcloud|litekeep|terraform)[^`]*)` \|", text, re.MULTILINE):
        yield from commands_of("docs/deploy.md", line.replace("…", "sqlitecloud://h.example/x"))
