"""The policy file takes precedence over settings and flags: unlisted places exit 4 before anything is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome, Workplace


def rule(workplace: Workplace) -> None:
    """Puts a policy in force that lists the workplace's stores, key, source, and restored-*."""
    here = workplace.folder
    policy = {
        "environment": "test",
        "stores": [str(here / "backups"), str(here / "copy")],
        "keys": ["file:own.key"],
        "sources": [str(here / "app.db")],
        "targets": [f"{here}/restored-*"],
    }
    (here / "policy.json").write_text(json.dumps(policy))
    workplace.environment.update(BACKUP_POLICY="policy.json", BACKUP_KEY="file:own.key", ENVIRONMENT="production")


@pytest.fixture
def ruled(workplace: Workplace) -> Workplace:
    workplace.good("keygen", "own.key")
    rule(workplace)
    return workplace


def refused(outcome: Outcome, what: str) -> None:
    assert (outcome.code, outcome.out) == (4, ""), outcome.err
    assert f"{what} is refused" in outcome.err or f"{what}=none is refused" in outcome.err


def test_listed_places_are_allowed(ruled: Workplace) -> None:
    (ruled.folder / "copy").mkdir()
    ruled.good("backup", BACKUP_COPY_STORE="copy")
    ruled.good("restore", "--backup", "latest", "--to", "restored-1.db")


@pytest.mark.parametrize(
    ("arguments", "settings", "what"),
    [
        (["backup"], {"BACKUP_KEY": "none"}, "BACKUP_KEY"),
        (["backup"], {"BACKUP_KEY": "file:other.key"}, "BACKUP_KEY"),
        (["backup"], {"BACKUP_STORE": "elsewhere"}, "BACKUP_STORE"),
        (["backup", "--store", "elsewhere"], {}, "BACKUP_STORE"),
        (["backup", "--copy-to", "elsewhere"], {}, "BACKUP_COPY_STORE"),
        (["backup"], {"BACKUP_COPY_STORE": "gs://elsewhere"}, "BACKUP_COPY_STORE"),
        (["backup", "--upload-gcs", "--bucket", "elsewhere"], {}, "BACKUP_COPY_STORE"),
        (["backup"], {"DATABASE_URL": "other.db"}, "DATABASE_URL"),
        (["copy", "--to", "elsewhere"], {}, "--to"),
        (["restore", "--backup", "latest", "--to", "elsewhere.db"], {}, "--to"),
        (["list"], {"BACKUP_STORE": "elsewhere"}, "BACKUP_STORE"),
        (["verify", "--all"], {"BACKUP_STORE": "elsewhere"}, "BACKUP_STORE"),
        (["cleanup"], {"BACKUP_STORE": "elsewhere"}, "BACKUP_STORE"),
    ],
)
def test_unlisted_places_are_refused_before_anything_is_read(
    ruled: Workplace, arguments: list[str], settings: dict[str, str], what: str
) -> None:
    ruled.good("backup")
    (ruled.folder / "other.db").write_bytes(ruled.database.read_bytes())
    before = sorted(path.name for path in ruled.folder.iterdir())
    refused(ruled.run(*arguments, **settings), what)
    assert sorted(path.name for path in ruled.folder.iterdir()) == before


def test_environment_of_the_policy_takes_precedence(ruled: Workplace) -> None:
    assert ruled.good("backup", "--json").json["environment"] == "test"


def test_cloud_run_job_without_policy_refuses_key_none(workplace: Workplace) -> None:
    outcome = workplace.run("backup", BACKUP_KEY="none", CLOUD_RUN_JOB="backup", LOG_FORMAT="text")
    assert (outcome.code, "refused on Cloud Run" in outcome.err) == (4, True)
    assert not workplace.store.exists()


WRONG: list[Any] = [
    b"{",
    b"[]",
    b'{"stores": []}',
    b'{"environment": "prod"}',
    b'{"environment": "test", "unknown": 1}',
    b'{"environment": "test", "stores": "gs://x"}',
    b"\xff",
]


@pytest.mark.parametrize("content", WRONG)
def test_invalid_policy_stops_every_command(ruled: Workplace, content: bytes) -> None:
    (ruled.folder / "policy.json").write_bytes(content)
    for command in (["backup"], ["list"], ["policy", "check"]):
        outcome = ruled.run(*command)
        assert (outcome.code, "policy file" in outcome.err) == (2, True)


def test_world_writable_or_missing_policy_is_refused(ruled: Workplace) -> None:
    (ruled.folder / "policy.json").chmod(0o666)
    assert ruled.run("list").code == 2
    (ruled.folder / "policy.json").unlink()
    missing = ruled.run("list")
    assert missing.code == 2
    assert "cannot read policy file policy.json: No such file or directory; correct BACKUP_POLICY" in missing.err


def test_policy_sign_of_a_missing_file_names_it(workplace: Workplace) -> None:
    outcome = workplace.run("policy", "sign", "draft.json", "--output", "signed.json")
    line = "error: cannot read policy file draft.json: No such file or directory; name a policy file that can be read\n"
    assert (outcome.code, outcome.err) == (2, line)


def test_policy_show_and_check_print_the_policy(ruled: Workplace) -> None:
    assert "restored-*" in ruled.good("policy", "show").out
    assert ruled.good("policy", "check", "--json").json["in_force"] is True
    assert Path("policy.json").name in ruled.good("policy", "check").out
