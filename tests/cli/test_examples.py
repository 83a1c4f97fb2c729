"""Runs the examples in --help, in a folder with the files they name."""

import gzip
import re
import secrets
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
import pytest

from litekeep.app import litekeep
from shared.clock import utc_now
from tests.cli.conftest import Workplace, clean_environment
from tests.cli.test_approvals import Staff, staff  # noqa: F401 - a fixture
from tests.program import program_folder
from tests.servers.gcs.fixtures import gcs_port  # noqa: F401 - a fixture
from tests.servers.gcs.proxy import running_proxy
from tests.servers.gcs.server import make_bucket
from tests.servers.kms.server import KmsServer
from tests.servers.sqlitecloud import Server

_TABLES = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, day TEXT);
INSERT INTO orders VALUES (1, 42, '2024-01-15'), (2, 7, '2024-01-14');
CREATE TABLE newsletter (address TEXT PRIMARY KEY);
INSERT INTO newsletter VALUES ('ana@example.com');
"""
# Examples that are not run here, with the reason.
NOT_RUN = {
    "litekeep continuous --every 30s": "it does not end: tests/continuous/test_loop.py runs it",
    "litekeep native status --watch 60": "it waits a minute: tests/sqlitecloud/test_native_command.py watches",
    "litekeep keys enter litekeep.key": "it reads a sheet on paper: tests/cli/test_keys.py types one",
    "litekeep console": "it serves until it is stopped: tests/console",
    "litekeep console --port 9000 --allow-requests": "the same",
    "litekeep init": "it asks: tests/cli/test_init.py answers on a terminal",
    "litekeep init --source /srv/app/app.db --store /mnt/backups --notify ntfys://ntfy.sh/my-topic": "it calls ntfy.sh",
    "litekeep systemd --user --install": "it needs a user's systemd: tests/systemd",
    "litekeep erase --report erase-2024-01-15-000000-1a2b": "its id is made by an erasure: tests/cli/test_erase.py",
    "litekeep erase --rewrite --dry-run": "there is nothing to rewrite: tests/cli/test_erase.py",
    "litekeep policy check draft.json": "tests/cli/test_policy.py checks files",
    "sudo litekeep systemd --install --run-as backup": "it installs into this machine: tests/systemd",
    "litekeep policy sign draft.json --output signed-by-ana.json": "tests/cli/test_policy.py signs one",
}
# Commands to run before an example.
BEFORE = {
    "litekeep release backup-2024-01-15-000000": "litekeep hold backup-2024-01-15-000000 --reason audit",
    "BACKUP_DRILL_SQL=checks.sql litekeep drill": "cp app.db orders; DATABASE_URL=orders litekeep backup --verify",
    "gunzip -c app.sql.gz": "litekeep export --backup latest --output app.sql.gz",
    "litekeep restore --backup backup-2024-01-15-000000 --in-place": (
        "rm -r backups; litekeep backup --name backup-2024-01-15-000000"  # a backup of this file
    ),
    "litekeep audit verify": "litekeep monitor || true",
    "litekeep systemd --print": "echo DATABASE_URL=app.db > .env",
    "litekeep retire --database old.db": "DATABASE_URL=old.db litekeep backup --name of-old",
    "litekeep native list": "litekeep native enable",
    "litekeep native restore": "litekeep native enable",
    "litekeep restore --at 2024-01-15T12:00:00Z --native": "litekeep native enable",
    "litekeep rekey --to file:/etc/litekeep/new.key": "litekeep keygen /etc/litekeep/new.key",
}
# Commands that exit with 1 here, because something needs attention.
ATTENTION = ("litekeep monitor", "litekeep status", "BACKUP_SCHEDULES=", "litekeep native status", "litekeep health")


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


def _examples(command: click.Command) -> list[str]:
    """Returns the indented lines below "Example:" or "Examples:" in a command's help."""
    found = re.search(r"^[ ]*Examples?:\n(.*?)(?:\n[ ]*\n|\Z)", command.help or "", re.MULTILINE | re.DOTALL)
    return [line.strip() for line in found[1].splitlines() if line.strip()] if found else []


COMMANDS = dict(_commands(litekeep, "litekeep"))
EXAMPLES = {path: _examples(command) for path, command in COMMANDS.items()}
ALL = sorted({example for examples in EXAMPLES.values() for example in examples})
TWO_PERSONS = re.compile(r"litekeep (requests? |approve|refuse|.*--request )")
ON_A_NODE = re.compile(r"sqlitecloud://|litekeep native|--native")
IN_CLOUD = re.compile(r"gs://|--upload-gcs|gcp-kms://")
RUN = [each for each in ALL if each not in NOT_RUN and not TWO_PERSONS.match(each)]


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_command_has_an_example(path: str) -> None:
    assert any(path in example for example in EXAMPLES[path]), COMMANDS[path].help


@pytest.mark.parametrize("example", ALL)
def test_examples_use_existing_commands_and_options(example: str) -> None:
    for part in example.split(" | "):
        words = shlex.split(re.split(r" (?:<|>>) ", part)[0])
        while words and "=" in words[0]:
            words.pop(0)
        if words and words[0] == "litekeep":
            _parse(litekeep, words[1:])


def _parse(command: click.Command, arguments: list[str]) -> None:
    if not isinstance(command, click.Group) or not arguments or arguments[0].startswith("-"):
        command.make_context("litekeep", arguments)
        return
    found = command.get_command(click.Context(command), arguments[0])
    assert found is not None, arguments
    _parse(found, arguments[1:])


def test_skipped_examples_exist_in_the_help() -> None:
    assert set(NOT_RUN) <= set(ALL)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, sample: bytes) -> Path:
    """A folder with all files that the examples name; each test gets a copy."""
    folder = tmp_path_factory.mktemp("furnished")
    for name in ("tmp", "srv/app", "etc/litekeep", "mnt/other", "bin", "drizzle/meta"):
        (folder / name).mkdir(parents=True)
    for name in ("app.db", "old.db", "srv/app/app.db"):
        (folder / name).write_bytes(sample)
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.executescript(_TABLES)
    (folder / "bin" / "lpr").write_text("#!/bin/sh\ncat > printed\n")
    (folder / "bin" / "lpr").chmod(0o755)
    (folder / "checks.sql").write_text("-- name: users\n-- expect: > 0\nSELECT count(*) FROM users;\n")
    (folder / "drizzle" / "meta" / "_journal.json").write_text('{"version": "7", "dialect": "sqlite", "entries": []}')
    (folder / "emails.txt").write_text("ana@example.com\n")
    (folder / "draft.json").write_text("{}")
    place = Workplace(folder, _environment(folder))
    place.good("backup", "--name", "backup-2024-01-14-000000")
    place.good("backup", "--name", "backup-2024-01-15-000000", "--verify")
    place.good("export", "--backup", "latest", "--output", "dump.sql")
    (folder / "dump.sql.gz").write_bytes(gzip.compress((folder / "dump.sql").read_bytes()))
    return folder


def _environment(folder: Path) -> dict[str, str]:
    return clean_environment() | {
        "DATABASE_URL": "app.db",
        "HOME": str(folder),
        "PATH": f"{folder}/bin:{program_folder()}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "TMPDIR": str(folder / "tmp"),
        "XDG_STATE_HOME": str(folder / "state"),
    }


@pytest.fixture
def place(furnished: Path, tmp_path: Path) -> Workplace:
    folder = shutil.copytree(furnished, tmp_path / "place")
    return Workplace(folder, _environment(folder))


def _shell(place: Workplace, example: str, now: str) -> subprocess.CompletedProcess[str]:
    line = re.sub(r"2024-01-15T\d\d:\d\d:\d\dZ", now, example)
    line = re.sub(r"(?<![\w.])/(srv|etc|mnt)/", rf"{place.folder}/\1/", line)
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", line],
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _run(place: Workplace, example: str) -> None:
    now = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
    for start, before in BEFORE.items():
        if example.startswith(start):
            assert _shell(place, before, now).returncode == 0
    done = _shell(place, example, now)
    assert done.returncode in ((0, 1) if example.startswith(ATTENTION) else (0,)), done.stderr
    assert "error:" not in done.stderr or done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("example", [e for e in RUN if not ON_A_NODE.search(e) and not IN_CLOUD.search(e)])
def test_example_runs(place: Workplace, example: str) -> None:
    _run(place, example)


@pytest.mark.parametrize("example", [e for e in RUN if IN_CLOUD.search(e)])
def test_example_with_bucket_or_cloud_key_runs(place: Workplace, gcs_port: int, example: str) -> None:  # noqa: F811
    bucket, kms = f"b-{secrets.token_hex(8)}", KmsServer()
    key = next(iter(re.findall(r"gcp-kms://(\S+)", example)), None)
    if key:
        kms.add_key(key)
    make_bucket(gcs_port, bucket)
    with running_proxy(gcs_port) as proxy, kms.running():
        there = {"STORAGE_EMULATOR_HOST": proxy.url, "LITEKEEP_KMS_ENDPOINT": kms.endpoint}
        _run(replace(place, environment=place.environment | there), re.sub(r"my-backups(-eu)?", bucket, example))


@pytest.mark.parametrize("example", [e for e in RUN if ON_A_NODE.search(e)])
def test_example_with_node_runs(place: Workplace, example: str) -> None:
    (place.folder / "node").mkdir()
    shutil.copy(place.database, place.folder / "node" / "app.db")
    with Server(place.folder / "node") as server:
        own = place.environment | {"DATABASE_URL": server.url("app.db"), "BACKUP_KEY": "none"}
        _run(replace(place, environment=own), example.replace("sqlitecloud://HOST/new.db", f"'{server.url('new.db')}'"))


def test_examples_of_requests_run_in_order(staff: Staff) -> None:  # noqa: F811
    """Ana makes the requests of the examples; Ben approves or refuses them."""
    place = staff.place
    with closing(sqlite3.connect(place.database)) as connection:
        connection.executescript(_TABLES)
    place.good("backup", "--name", "backup-2024-01-15-000000")
    place.good("backup", "--name", "newer", "--verify")  # an example deletes the older one
    asked = [each for each in ALL if each.startswith("litekeep request ")]
    moment = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
    ids = {}
    for example in asked:
        line = re.sub(r"2024-01-15T\d\d:\d\d:\d\dZ", moment, example).replace("/srv/app/old.db", "restored-old.db")
        made = staff.good("ana", *shlex.split(line)[1:], "--json").json
        ids[example.split()[2]] = made["id"]
    for example in (each for each in ALL if TWO_PERSONS.match(each) and each not in asked):
        what = example.split()[1]
        request = ids["delete" if what == "delete" else "cleanup" if what == "refuse" else "restore"]
        if what in ("restore", "delete"):
            staff.run("ben", "approve", request, "--yes")  # unless the example of approve has approved it
        yes = ["--yes"] if what in ("approve", "refuse") else []
        staff.good("ben", *shlex.split(example.replace("20240115T120000Z-k3v9q2mx", request))[1:], *yes)
    states = {each["state"] for each in place.good("requests", "--json").json}
    assert states >= {"used", "refused"}
