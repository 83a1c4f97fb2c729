"""Every command of the README and of docs/ runs as printed, or the page says why no test can run it."""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from shared.sqlitecloud import native_backups
from tests.cli.conftest import ROOT, Workplace
from tests.docs.conftest import with_orders
from tests.docs.page import COMMANDS, Reader, blocks, pages
from tests.dump.equality import assert_equal
from tests.servers.gcs.proxy import Change, holding, running_proxy
from tests.servers.gcs.server import make_bucket
from tests.servers.kms.server import KmsServer
from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.clock import Clock, stamp
from tests.sqlitecloud.conftest import address_of
from tests.sqlitecloud_server.raw import Raw

DOCS = ROOT / "docs"
README = ROOT / "README.md"
# Pages that the tests in this folder run.
RUN = {"README.md", "docs/self-hosted.md"} | {
    f"docs/{name}.md" for name in ("continuous", "keys", "privacy", "restore", "rows", "sqlitecloud")
}
# Pages tested elsewhere: tests/deploy/test_commands.py checks the commands of the first against the real tools' flags,
# because they need a Google Cloud project; tests/terminal/screens.py writes the second from a terminal.
ELSEWHERE = {DOCS / "deploy.md", DOCS / "screens.md"}


def test_every_page_with_commands_is_run() -> None:
    with_commands = {str(page.relative_to(ROOT)) for page in pages() if any(block.is_run for block in blocks(page))}
    assert with_commands == RUN


@pytest.mark.parametrize(
    "page", [page for page in pages() if page not in ELSEWHERE], ids=lambda page: str(page.relative_to(ROOT))
)
def test_commands_appear_only_in_command_blocks(page: Path) -> None:
    first = ("$ ", "litekeep ", "make ", "npm ", "gcloud ", "terraform ", "docker ", "sqlite3 ", "gunzip ", "export ")
    fences = sum(line.lstrip().startswith("```") for line in page.read_text().splitlines())
    assert fences == 2 * len(blocks(page)), "a fence is not closed, or not understood"
    for block in blocks(page):
        if block.language not in COMMANDS:
            lines = [line for line in block.text.splitlines() if line.startswith(first)]
            assert lines == [], f"line {block.line}: mark the block sh or console"


@pytest.fixture
def cloud(reader: Reader, gcs_port: int) -> Iterator[Reader]:
    """A reader with Cloud Storage and Cloud KMS, and the key that the pages name."""
    kms = KmsServer()
    kms.add_key("projects/P/locations/L/keyRings/R/cryptoKeys/NAME")
    with running_proxy(gcs_port) as gcs, kms.running():
        gcs.faults.append(Change(lambda seen: seen.method == "PATCH", holding, times=99))
        yield replace(
            reader,
            environment={**reader.environment, "STORAGE_EMULATOR_HOST": gcs.url, "LITEKEEP_KMS_ENDPOINT": kms.endpoint},
        )


def test_readme_commands(cloud: Reader, workplace: Workplace, gcs_port: int) -> None:
    """Runs the page in one shell, from `make backup` in a clone to the last command."""
    clone = workplace.folder / "clone"
    _like_a_clone(clone)
    app = workplace.folder / "srv" / "app" / "app.db"
    workplace.database.rename(app)
    for name in ("my-backups", "my-backups-eu", "other"):
        make_bucket(gcs_port, name)
    environment = {name: value for name, value in cloud.environment.items() if name != "DATABASE_URL"}
    printer = workplace.folder / "bin" / "lpr"
    printer.parent.mkdir()
    printer.write_text(f"#!/bin/sh\ncat > {workplace.folder}/printed\n")
    printer.chmod(0o755)
    environment["PATH"] = f"{printer.parent}:{environment['PATH']}"
    stand_ins = {"/srv/": f"{workplace.folder}/srv/", "/etc/litekeep": f"{workplace.folder}/etc/litekeep"}
    stand_ins["hold ID"] = "hold pre-deployment-v1.5.0"
    printed = replace(cloud, folder=clone, environment=environment, answers="7\n").run(README, stand_ins)
    assert "Proven by a restore: manifest, checksum, decrypt, sql, image, schema, data — all good" in printed
    assert "\nequal\n" in printed
    assert_equal(clone / "sample.db", clone / "restored.db")
    assert_equal(clone / "sample.db", clone / "rebuilt.db")
    assert "BACKUP_STORE" in (workplace.folder / "printed").read_text()


def _like_a_clone(folder: Path) -> None:
    """Creates what `make backup` needs of a clone, with this environment instead of a new `.venv`."""
    (folder / ".venv").mkdir(parents=True)
    for name in ("Makefile", "deploy", "requirements", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / ".ready").touch()


def test_restore_page_commands(reader: Reader, workplace: Workplace) -> None:
    workplace.good("backup", "--name", "ID", BACKUP_KEY="none")
    plain = workplace.store / "on-demand" / "app.db"
    replace(reader, folder=plain).run(DOCS / "restore.md")
    assert_equal(workplace.database, plain / "new.db")


def test_rows_page_commands(reader: Reader, workplace: Workplace) -> None:
    with_orders(workplace.database)
    workplace.good("backup")
    with closing(apsw.Connection(str(workplace.database))) as connection:
        connection.execute("DELETE FROM orders WHERE id < 50")
    reader.run(DOCS / "rows.md", {"2024-01-15T12:00:00Z": "2999-01-01T00:00:00Z"})
    with closing(apsw.Connection(str(workplace.database))) as connection:
        assert connection.execute("SELECT count(*) FROM orders").get == 200


def test_continuous_page_commands(reader: Reader, workplace: Workplace) -> None:
    stand_ins = {"--every 30s ": "--every 30s --once ", "2024-01-15T10:31:00Z": "2999-01-01T00:00:00Z"}
    reader.run(DOCS / "continuous.md", stand_ins)
    assert_equal(workplace.database, workplace.folder / "then.db")
    assert_equal(workplace.database, workplace.folder / "then.sqlite")


def test_keys_page_commands(reader: Reader, workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    reader.run(DOCS / "keys.md", {"/etc/litekeep": str(workplace.folder / "etc" / "litekeep")})
    (workplace.folder / "litekeep.key").unlink()
    new = f"file:{workplace.folder}/etc/litekeep/new.key"
    workplace.good("restore", "--backup", "one", "--to", "new.db", BACKUP_KEY=new)


def test_privacy_page_commands(reader: Reader, workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    with closing(apsw.Connection(str(workplace.database))) as connection:
        connection.execute("PRAGMA foreign_keys = ON; DELETE FROM users WHERE id = 42").fetchall()
    typed = replace(reader, answers="42\n")
    typed.run(DOCS / "privacy.md", {"erase-2024-01-15-000000-1a2b": "$(grep -o 'erase-20[0-9a-f-]*' .out | tail -1)"})
    workplace.good("restore", "--backup", "one", "--to", "new.db")
    with closing(apsw.Connection(str(workplace.folder / "new.db"))) as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE id = 42").get == 0


def test_sqlitecloud_page_commands(cloud: Reader, workplace: Workplace, gcs_port: int) -> None:
    folder = workplace.folder / "node"
    folder.mkdir()
    workplace.database.rename(folder / "app.db")
    make_bucket(gcs_port, "my-backups-eu")
    clock = Clock((datetime.now(UTC) - timedelta(minutes=10)).replace(microsecond=0))
    with Server(folder, plain=True, clock=clock) as node:
        address = address_of(node)
        native_backups.enable(address, "app.db")
        clock.advance(60)
        with Raw(node, "app.db") as client:
            client.ask("DELETE FROM messages")
        node_url = node.url("app.db")
        key = "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/NAME"
        environment = {**cloud.environment, "DATABASE_URL": node_url}
        here = replace(workplace, environment=dict(environment))
        here.good("backup", "--name", "ID")
        here.good("backup", "--name", "two", "--verify", BACKUP_STORE="gs://my-backups-eu", BACKUP_KEY=key)
        stand_ins = {
            "sqlitecloud://HOST/app.db?apikey=KEY": node_url,
            "2024-01-15T12:00:00Z": stamp(clock.now()),
            "--watch 60": "--watch 1",
            "/srv/": f"{workplace.folder}/srv/",
        }
        replace(cloud, environment=environment).run(DOCS / "sqlitecloud.md", stand_ins)
        assert set(node.catalog.names()) == {"app.db", "app-ID.db", "app-milestone-return.db"}
