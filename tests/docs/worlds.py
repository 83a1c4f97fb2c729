"""The machines that pages assume: with an application, its database and its backups."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from litekeep.sample import make_sample
from tests.cli.conftest import ROOT, clean_environment
from tests.docs.shell import Shell, replaced
from tests.servers.gcs.server import make_bucket
from tests.servers.kms.server import KmsServer
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import Raw

NODE, NEW_NODE = "sqlitecloud://abc.sqlite.cloud:8860", "sqlitecloud://new.sqlite.cloud:8860"
BUCKET, COPY_BUCKET = "acme-backups", "acme-backups-copy"
KMS_KEY = "projects/acme/locations/europe-west3/keyRings/litekeep/cryptoKeys/backups"


@dataclass
class World:
    """The machine of a page. `srv` is its /srv; `shell` runs commands in /srv/app."""

    srv: Path
    environment: dict[str, str]
    places: dict[str, str]
    node: Server | None = None
    kms: KmsServer | None = None
    stand_ins: dict[str, Callable[[], None]] = field(
        default_factory=dict
    )  # for blocks that are not run, by a word in them

    @property
    def app(self) -> Path:
        return self.srv / "app"

    @property
    def database(self) -> Path:
        """The application's database file, on the machine or in the folder of the node."""
        return (self.node.data if self.node else self.app) / "app.db"

    def shell(self) -> Shell:
        return Shell(self.app, self.environment, self.places)

    def here(self, text: str) -> str:
        """Returns a text of the page with this run's paths and addresses."""
        return replaced(text, self.places)

    def litekeep(self, *arguments: str, **settings: str) -> str:
        """Runs a command outside the page, which must succeed. Returns its output."""
        done = self._run(*arguments, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fails(self, *arguments: str, **settings: str) -> str:
        """Runs a command outside the page, which must fail. Returns its output."""
        done = self._run(*arguments, **settings)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def _run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shutil.which("litekeep", path=self.environment["PATH"]) or "litekeep", *arguments],
            cwd=self.app,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute(statement)


def settings(world: World, **values: str) -> None:
    """Writes the application's `.env`."""
    (world.app / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    (world.app / ".env").chmod(0o600)


def machine(folder: Path, programs: Path) -> World:
    """Returns a machine with the application's database in a file, without backups. `programs` has its `litekeep`."""
    srv = folder / "srv"
    (srv / "app").mkdir(parents=True)
    (srv / "home").mkdir()
    (folder / "tmp").mkdir(exist_ok=True)
    environment = clean_environment() | {
        "HOME": str(srv / "home"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LC_ALL": "C.UTF-8",
        "USER": "ana",
        "LOGNAME": "ana",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    world = World(srv, environment, {"/srv": str(srv)})
    make_sample(world.database, scale=0.02)
    return world


def with_files(folder: Path, programs: Path) -> World:
    """Returns a self-hosted server: two folders as stores, a key file, and a verified daily backup."""
    world = machine(folder, programs)
    settings(
        world,
        DATABASE_URL="/srv/app/app.db".replace("/srv", str(world.srv)),
        BACKUP_STORE=str(world.srv / "backups"),
        BACKUP_COPY_STORE=str(world.srv / "copy"),
        BACKUP_KEY=f"file:{world.app}/litekeep.key",
    )
    world.litekeep("keygen", str(world.app / "litekeep.key"))
    world.litekeep("backup", "--kind", "daily", "--verify")
    return world


@contextmanager
def with_cloud(folder: Path, programs: Path, gcs_url: str, gcs_port: int, *, tls: bool = False) -> Iterator[World]:
    """A machine with a SQLite Cloud project, two buckets, a key in Cloud KMS, and a verified daily backup."""
    world = machine(folder, programs)
    data = folder / "node"
    data.mkdir()
    shutil.move(world.database, data / "app.db")
    kms = KmsServer()
    kms.add_key(KMS_KEY)
    suffix = os.urandom(4).hex()
    for name in (BUCKET, COPY_BUCKET):
        make_bucket(gcs_port, f"{name}-{suffix}")
    with Server(data, plain=not tls) as node, kms.running():
        world.node, world.kms = node, kms
        world.environment |= {"STORAGE_EMULATOR_HOST": gcs_url, "LITEKEEP_KMS_ENDPOINT": kms.endpoint}
        world.places |= {
            f"gs://{COPY_BUCKET}": f"gs://{COPY_BUCKET}-{suffix}",
            f"gs://{BUCKET}": f"gs://{BUCKET}-{suffix}",
            NODE: f"sqlitecloud://localhost:{node.port}",
        }
        settings(
            world,
            DATABASE_URL=node.url("app.db"),
            BACKUP_STORE=f"gs://{BUCKET}-{suffix}",
            BACKUP_COPY_STORE=f"gs://{COPY_BUCKET}-{suffix}",
            BACKUP_KEY=f"gcp-kms://{KMS_KEY}",
        )
        world.litekeep("backup", "--kind", "daily", "--verify")
        yield world


@contextmanager
def writes_going_on(world: World) -> Iterator[list[int]]:
    """Adds one new user after the other during the block. Yields the list of their numbers."""
    assert world.node is not None
    written: list[int] = []
    stop = threading.Event()

    def work(client: Raw) -> None:
        while not stop.wait(0.02):
            number = len(written) + 1
            reply = client.ask(
                "INSERT INTO users (email, name, created_at) "
                f"VALUES ('later{number}@example.com', 'Later {number}', '2026-01-01')"
            )
            if not reply.startswith(b"-"):  # "-" is an error, for example if another writer was first
                written.append(number)

    with Raw(world.node, "app.db") as client:
        thread = threading.Thread(target=work, args=(client,))
        thread.start()
        try:
            yield written
        finally:
            stop.set()
            thread.join()
