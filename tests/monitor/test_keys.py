"""Findings on the keys that backups need, without permission to decrypt."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.archive.data_key import DataKey
from shared.archive.seals import seal_manifest
from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.keys import WrappingKey
from shared.keys.keyfile import KeyFile
from shared.keys.kms import CloudKey
from shared.model.kinds import Kind
from shared.model.names import BackupName, Format
from shared.monitor.finding import Finding
from shared.monitor.judge import judge
from shared.monitor.observe import observe
from shared.stores import open_store
from shared.stores.interface import Store
from tests.builders import make_artifact, make_manifest
from tests.servers.kms.fixture import KEY, URI, kms  # noqa: F401 - a fixture
from tests.servers.kms.server import KmsServer, Right


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def put(store: Store, key: WrappingKey, backup_id: str, hours: float, kind: Kind = Kind.DAILY) -> None:
    name, taken = BackupName(kind, "app", backup_id), utc_now() - timedelta(hours=hours)
    artifact = make_artifact(name, encrypted=True, object=name.artifact(Format.SQL, encrypted=True))
    store.create(artifact.object, b"x" * artifact.size_bytes, {})
    data_key = DataKey.generate()
    manifest = make_manifest(
        id=backup_id,
        database="app",
        kind=kind,
        created_at=taken,
        keep_until=taken + timedelta(days=30),
        artifacts=[artifact],
        encryption=data_key.wrap(key, name),
    )
    Catalog(store).publish(seal_manifest(manifest, data_key))


def at_risk(store: Store, key: WrappingKey | None) -> list[Finding]:
    now = utc_now()
    listing, _ = observe(store, now, open_key=lambda: key)
    return [each for each in judge(listing, None, now) if each.event == "monitor.key_at_risk"]


def cloud(server: KmsServer) -> CloudKey:
    return CloudKey(URI, endpoint=server.endpoint, patience=2)


@pytest.fixture(params=["may decrypt", "monitor"])
def server(request: pytest.FixtureRequest, kms: KmsServer) -> KmsServer:  # noqa: F811
    """A KMS for an identity that may decrypt, and for the monitor job, which may not."""
    kms.rights = {Right.ENCRYPT, Right.LIST_VERSIONS} | ({Right.DECRYPT} if request.param == "may decrypt" else set())
    return kms


def test_working_key_versions_give_no_finding(store: Store, server: KmsServer) -> None:
    put(store, cloud(server), "old", 30)
    server.keys[KEY].rotate()
    put(store, cloud(server), "new", 1)
    assert at_risk(store, cloud(server)) == []


@pytest.mark.parametrize(
    ("action", "state", "advice"),
    [
        ("disable", "DISABLED", "enable it"),
        ("schedule_destruction", "DESTROY_SCHEDULED", "gcloud kms keys versions restore"),
        ("destroy", "DESTROYED", "it is lost"),
    ],
)
def test_unusable_key_version_that_backups_need_is_named_with_a_remedy(
    store: Store, server: KmsServer, action: str, state: str, advice: str
) -> None:
    put(store, cloud(server), "older", 40)
    put(store, cloud(server), "old", 30)
    server.keys[KEY].rotate()
    put(store, cloud(server), "new", 1)
    getattr(server.keys[KEY], action)(1)
    (found,) = at_risk(store, cloud(server))
    assert f"{URI}/cryptoKeyVersions/1 is {state} and 2 kept backups need it, the newest old of app: " in found.message
    assert advice in found.message


def test_destroyed_key_version_without_backups_gives_no_finding(store: Store, server: KmsServer) -> None:
    server.keys[KEY].rotate()
    server.keys[KEY].destroy(1)
    put(store, cloud(server), "new", 1)
    assert at_risk(store, cloud(server)) == []


def test_missing_permission_to_list_versions_is_noted_without_a_finding(store: Store, server: KmsServer) -> None:
    put(store, cloud(server), "new", 1)
    server.rights -= {Right.LIST_VERSIONS}
    listing, _ = observe(store, utc_now(), open_key=lambda: cloud(server))
    assert "grant this identity roles/cloudkms.viewer" in str(listing.not_looked_at)
    assert at_risk(store, cloud(server)) == []


def test_backups_under_another_key_are_reported(store: Store, server: KmsServer, tmp_path: Path) -> None:
    put(store, cloud(server), "ours", 30)
    theirs = KeyFile.create(tmp_path / "other.key")
    put(store, theirs, "theirs", 1)
    put(store, theirs, "weekly", 2, Kind.WEEKLY)
    (found,) = at_risk(store, cloud(server))
    assert "theirs (and 1 more of it) of app cannot be opened with BACKUP_KEY: the key " in found.message
    assert found.message.endswith(f"{theirs.name}: set BACKUP_KEY to that one")


def test_key_to_configure_is_named_without_its_version(store: Store, kms: KmsServer, tmp_path: Path) -> None:  # noqa: F811
    put(store, cloud(kms), "one", 1)
    (found,) = at_risk(store, KeyFile.create(tmp_path / "a.key"))
    assert found.message.endswith(f"backup one, {URI}: set BACKUP_KEY to that one")
    (found,) = at_risk(store, None)
    assert found.message.endswith(f"is encrypted: set BACKUP_KEY to the key that wrapped it, {URI}")
