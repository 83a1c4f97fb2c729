"""The situation at the beginning of each transcript of docs/approvals.md, by the chapter's anchor."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from shared.keys.kms_signing import CloudSigner
from shared.keys.signing import open_signer
from shared.statements.envelope import Signer
from tests.approvals.people import person, signed
from tests.docs.cases import Case, Ground
from tests.docs.worlds import BUCKET, COPY_BUCKET, KMS_KEY, NODE, World, with_cloud, with_files
from tests.servers.kms.server import KmsServer

_RING = "projects/acme/locations/europe-west3/keyRings/people/cryptoKeys"


def _in_production(world: World, signers: Mapping[str, Signer], policy: str = "policy.json") -> None:
    """Puts a policy of Ana and Ben in force, and deletes the events."""
    glass = [signers["glass"].public.pem] if "glass" in signers else []
    people = [person(name, signers[name]) for name in ("ana", "ben")]
    content = {
        "environment": "production",
        "people": people,
    } | _places(world)
    content |= {"break_glass": {"keys": glass}} if glass else {}
    (world.srv / policy).write_bytes(signed(content, [signers["ana"], signers["ben"]]))
    lines = (world.app / ".env").read_text()
    (world.app / ".env").write_text(f"{lines}BACKUP_POLICY={world.srv}/{policy}\nENVIRONMENT=production\n")
    with closing(sqlite3.connect(world.database)) as connection, connection:
        connection.execute("DELETE FROM events")


def _places(world: World) -> dict[str, list[str]]:
    """Returns the stores, keys, sources and targets for the policy."""
    if world.node:
        buckets = [world.here(f"gs://{name}") for name in (BUCKET, COPY_BUCKET)]
        database = world.here(f"{NODE}/app.db")
        return {"stores": buckets, "keys": [f"gcp-kms://{KMS_KEY}"], "sources": [database], "targets": [database]}
    database = str(world.database)
    return {
        "stores": [str(world.srv / "backups"), str(world.srv / "copy")],
        "keys": [f"file:{world.app}/litekeep.key"],
        "sources": [database],
        "targets": [database],
    }


@contextmanager
def _with_key_files(ground: Ground) -> Iterator[World]:
    world = with_files(ground.folder, ground.programs)
    (world.srv / "safe").mkdir()
    places = {"ana": world.srv / "home", "ben": world.srv / "home", "glass": world.srv / "safe"}
    for name, folder in places.items():
        world.litekeep("keygen", "--signing", str(folder / f"{name}.key"))
    _in_production(world, {name: open_signer(f"file:{folder}/{name}.key") for name, folder in places.items()})
    yield world


@contextmanager
def _with_cloud_kms(ground: Ground) -> Iterator[World]:
    world = with_files(ground.folder, ground.programs)
    kms = KmsServer()
    with kms.running():
        world.environment["LITEKEEP_KMS_ENDPOINT"] = kms.endpoint
        with _people_sign(world, kms):
            yield world


@contextmanager
def _on_sqlite_cloud(ground: Ground) -> Iterator[World]:
    with with_cloud(ground.folder, ground.programs, ground.gcs.url, ground.gcs_port, tls=True) as world:
        assert world.kms is not None
        with _people_sign(world, world.kms):
            yield world


@contextmanager
def _people_sign(world: World, kms: KmsServer) -> Iterator[None]:
    """Gives Ana and Ben a key each in Cloud KMS. Afterwards exactly these two keys must have signed."""
    uri = f"gcp-kms://{_RING}/{{}}/cryptoKeyVersions/1"
    signers: dict[str, Signer] = {}
    for name in ("ana", "ben"):
        kms.add_key(f"{_RING}/{name}", signing=True)
        signers[name] = CloudSigner(uri.format(name), endpoint=kms.endpoint)
    _in_production(world, signers)
    asked = len(kms.calls)
    yield
    made = [call.request.name for call in kms.calls[asked:] if call.method == "AsymmetricSign"]
    assert {name.split("/")[-3] for name in made} == {"ana", "ben"}


TRANSCRIPTS: dict[str, Case] = {
    "a-restore-from-request-to-done": _with_key_files,
    "the-same-with-keys-in-cloud-kms": _with_cloud_kms,
    "the-same-on-sqlite-cloud": _on_sqlite_cloud,
    "break-glass": _with_key_files,
}
