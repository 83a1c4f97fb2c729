"""The situation at the beginning of each chapter of the runbook, by the chapter's anchor."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.keys.signing import open_signer
from shared.stores import open_store
from tests.approvals.people import person, signed
from tests.docs.worlds import KMS_KEY, NEW_NODE, World, with_cloud, with_files, writes_going_on
from tests.servers.gcs.proxy import Change, Proxy, holding
from tests.servers.kms.server import KmsServer
from tests.servers.sqlitecloud import Server


@dataclass(frozen=True)
class Ground:
    """The folders and servers that a case uses."""

    folder: Path
    programs: Path
    gcs: Proxy
    gcs_port: int


Case = Callable[[Ground], AbstractContextManager[World]]
_BACKUPS = f"gcp-kms://{KMS_KEY}"


def _files(ground: Ground) -> World:
    return with_files(ground.folder, ground.programs)


def _cloud(ground: Ground) -> AbstractContextManager[World]:
    return with_cloud(ground.folder, ground.programs, ground.gcs.url, ground.gcs_port)


@contextmanager
def _rows_lost(ground: Ground) -> Iterator[World]:
    """A bad query deleted 500 rows, and people keep writing."""
    with _cloud(ground) as world:
        world.sql("DELETE FROM events WHERE id <= 500")
        world.sql("INSERT INTO events (user_id, kind, at) VALUES (1, 'login', 1800000000)")
        yield world


@contextmanager
def _damaged(ground: Ground) -> Iterator[World]:
    world = _files(ground)
    pages = bytearray(world.database.read_bytes())
    pages[20_000:24_000] = bytes(4_000)
    world.database.write_bytes(pages)
    yield world


@contextmanager
def _instance_lost(ground: Ground) -> Iterator[World]:
    """The old node is gone, and a new one exists. Its connection string is in `.env` after the first block."""
    with _cloud(ground) as world:
        assert world.node is not None
        world.node.close()
        data = ground.folder / "new-node"
        data.mkdir()
        with Server(data, plain=True) as fresh:
            world.places[NEW_NODE] = f"sqlitecloud://localhost:{fresh.port}"
            text = (world.app / ".env").read_text().splitlines()
            changed = [f"DATABASE_URL={fresh.url('app.db')}", *text[1:]]

            def new_settings() -> None:
                (world.app / ".env").write_text("\n".join(changed) + "\n")

            world.stand_ins["sed -i"] = new_settings
            yield world


@contextmanager
def _bare(ground: Ground) -> Iterator[World]:
    """An empty machine without settings or state, with another home."""
    with _cloud(ground) as world:
        world.environment["HOME"] = str(ground.folder / "srv" / "new-home")
        world.environment["XDG_STATE_HOME"] = str(ground.folder / "new-state")
        (ground.folder / "srv" / "new-home").mkdir()
        (world.app / ".env").unlink()
        world.database.unlink()
        yield world


@contextmanager
def _region_lost(ground: Ground) -> Iterator[World]:
    with _cloud(ground) as world:
        yield world


@contextmanager
def _key_lost(ground: Ground) -> Iterator[World]:
    world = _files(ground)
    (world.srv / "safe").mkdir()
    (world.srv / "safe" / "sheet.txt").write_text(world.litekeep("keys", "sheet"))
    (world.app / "litekeep.key").unlink()
    with _kms_in_trouble(world):
        yield world


@contextmanager
def _kms_in_trouble(world: World) -> Iterator[None]:
    """For the block with gcloud: a backup under a key version in Cloud KMS that is scheduled for destruction."""
    kms = KmsServer()
    kms.add_key(KMS_KEY)
    with kms.running():
        cloud = {
            "LITEKEEP_KMS_ENDPOINT": kms.endpoint,
            "BACKUP_KEY": _BACKUPS,
            "BACKUP_STORE": str(world.srv / "kms-backups"),
            "BACKUP_COPY_STORE": "",
        }
        world.litekeep("backup", "--name", "under-kms", **cloud)
        kms.keys[KMS_KEY].schedule_destruction(1)

        def restored() -> None:
            assert "DESTROY_SCHEDULED" in world.fails("verify", "--backup", "under-kms", **cloud)
            kms.keys[KMS_KEY].enable(1)
            world.litekeep("verify", "--backup", "under-kms", **cloud)

        world.stand_ins["gcloud kms"] = restored
        yield


@contextmanager
def _attacked(ground: Ground) -> Iterator[World]:
    """Somebody emptied the primary store and overwrote the database."""
    ground.gcs.faults.append(Change(lambda seen: seen.method == "PATCH", holding, times=99))
    with _cloud(ground) as world:
        store = open_store(world.here("gs://acme-backups"))
        for item in list(store.list_objects("")):
            store.delete(item.name, item.generation)
        world.sql("DELETE FROM events")
        world.sql("UPDATE messages SET body = 'pay 3 BTC'")
        yield world


@contextmanager
def _restored_wrongly(ground: Ground) -> Iterator[World]:
    """A restore in place removed what people wrote after the backup."""
    world = _files(ground)
    world.sql("INSERT INTO events (user_id, kind, at) SELECT user_id, kind, at FROM events LIMIT 25")
    world.litekeep("restore", "--backup", "latest", "--in-place")
    yield world


@contextmanager
def _failing(ground: Ground) -> Iterator[World]:
    """The disk with the store is not mounted; a file is in its place."""
    world = _files(ground)
    (world.srv / "backups").rename(world.srv / "backups.unmounted")
    (world.srv / "backups").write_text("not mounted\n")
    world.stand_ins["gcloud logging"] = lambda: None
    yield world


@contextmanager
def _alone(ground: Ground) -> Iterator[World]:
    """Production, under a policy of Ana and Ben. Ben cannot be reached; the offline key is in the safe."""
    world = _files(ground)
    (world.srv / "safe").mkdir()
    homes = {"ana": world.srv / "home", "ben": world.srv / "home", "glass": world.srv / "safe"}
    for name, folder in homes.items():
        world.litekeep("keygen", "--signing", str(folder / f"{name}.key"))
    signers = {name: open_signer(f"file:{folder}/{name}.key") for name, folder in homes.items()}
    content = {
        "environment": "production",
        "people": [person(name, signers[name]) for name in ("ana", "ben")],
        "stores": [str(world.srv / "backups"), str(world.srv / "copy")],
        "keys": [f"file:{world.app}/litekeep.key"],
        "sources": [str(world.database)],
        "targets": [str(world.database)],
        "break_glass": {"keys": [signers["glass"].public.pem]},
    }
    (world.srv / "policy.json").write_bytes(signed(content, [signers["ana"], signers["ben"]]))
    lines = (world.app / ".env").read_text()
    (world.app / ".env").write_text(f"{lines}BACKUP_POLICY={world.srv}/policy.json\nENVIRONMENT=production\n")
    with closing(sqlite3.connect(world.database)) as connection, connection:
        connection.execute("DELETE FROM events")
    yield world


@contextmanager
def rows_lost_while_others_write(ground: Ground) -> Iterator[World]:
    """Like `_rows_lost`, while the application adds new users. Afterwards all of them must be in the database."""
    with _rows_lost(ground) as world, writes_going_on(world) as written:
        yield world
    assert written
    with closing(sqlite3.connect(world.database)) as connection:  # the node is closed by now
        (there,) = connection.execute("SELECT count(*) FROM users WHERE email LIKE 'later%'").fetchone()
    assert there == len(written)


CASES: dict[str, Case] = {
    "rows-lost": _rows_lost,
    "database-damaged": _damaged,
    "instance-lost": _instance_lost,
    "everything-lost-but-bucket-and-key": _bare,
    "region-lost": _region_lost,
    "key-lost": _key_lost,
    "ransom-or-hostile-deletion": _attacked,
    "a-wrong-restore": _restored_wrongly,
    "backups-failing": _failing,
    "nobody-can-approve": _alone,
}
