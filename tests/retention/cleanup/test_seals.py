"""A cleanup ignores verdicts and manifests that were made without the key."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.archive.data_key import DataKey
from shared.archive.seals import seal_manifest
from shared.catalog.listing import Catalog
from shared.catalog.verdicts import opened_as
from shared.keys import WrappingKey
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.model.manifest import VERDICT_SEAL
from shared.model.names import BackupName, Format
from shared.retention.cleanup import clean, preview
from shared.stores import open_store
from shared.stores.interface import Store
from tests.builders import make_artifact, make_manifest
from tests.retention.cleanup.shelf import POLICY, SIZE, Verdict, ago, ids

SHORT = replace(POLICY, min_keep=1)


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "a.key")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def put(store: Store, key: WrappingKey, age_days: float, verified: bool | None = True, **changes: object) -> BackupName:
    """Store a backup of that age under that key, with a correctly sealed verdict."""
    name, taken = BackupName(Kind.DAILY, "app", f"b{age_days:g}"), ago(age_days)
    artifact = make_artifact(name, Format.SQL, encrypted=True, object=name.artifact(Format.SQL, encrypted=True))
    store.create(artifact.object, b"x" * SIZE, {})
    data_key = DataKey.generate()
    manifest = make_manifest(
        id=name.id,
        database="app",
        created_at=taken,
        keep_until=taken + POLICY.lengths[Kind.DAILY],
        artifacts=[artifact],
        encryption=data_key.wrap(key, name),
        **{"verdict_seal": VERDICT_SEAL, **changes},
    )
    manifest = seal_manifest(manifest, data_key)
    Catalog(store).publish(manifest)
    if verified is not None:
        opened = opened_as(manifest, manifest.to_json(), data_key)
        Catalog(store).record(name, Verdict(verified), taken + timedelta(minutes=1), opened)
    return name


def forge(store: Store, name: BackupName, *, ok: bool = True) -> None:
    """Store a verdict made from others without the key."""
    moment = ago(0.001)
    example = next(item for item in store.list_objects("") if ".verified-" in item.name)
    with store.open(example.name) as stream:
        text = stream.read().decode()
    document = json.loads(text) | {"id": name.id, "ok": ok, "recorded_at": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"}
    store.create(name.verdict(moment), json.dumps(document, indent=2).encode(), {})


def fill(store: Store, key: WrappingKey) -> None:
    """Store three expired verified backups."""
    for age in (100, 101, 102):
        put(store, key, age)


def test_sealed_verdicts_allow_old_backups_to_expire(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        put(store, key, age)
    done = clean(store, SHORT, open_key=lambda: key)
    assert (ids(store), done.attention) == ({"b1", "b2", "b3"}, [])


def test_forged_verdicts_delete_nothing(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        forge(store, put(store, key, age, verified=None))
    done = clean(store, SHORT, open_key=lambda: key)
    assert done.deleted == set()
    assert [line for line in done.attention if "counts for nothing, its seal is wrong" in line]
    assert "waits for a verified one" in str(done.attention)
    planned = preview(store, SHORT, open_key=lambda: key)
    assert (planned.to_delete, planned.attention) == (frozenset(), done.attention)


def test_forged_bad_verdict_does_not_block_deletion(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        forge(store, put(store, key, age), ok=False)
    clean(store, SHORT, open_key=lambda: key)
    assert ids(store) == {"b1", "b2", "b3"}


def test_backups_under_a_foreign_key_protect_nothing_and_delete_nothing(
    store: Store, key: KeyFile, tmp_path: Path
) -> None:
    fill(store, key)
    theirs = KeyFile.create(tmp_path / "theirs.key")
    for age in (1, 2, 3):
        put(store, theirs, age)
    done = clean(store, SHORT, open_key=lambda: key)
    assert done.deleted == set()
    assert "is not the one that wrapped backup b1" in str(done.attention)


def test_verdicts_without_seals_of_older_versions_count(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        name = put(store, key, age, verified=None, verdict_seal=0)
        Catalog(store).record(name, Verdict(True), ago(age - 0.1))
    clean(store, SHORT, open_key=lambda: key)
    assert ids(store) == {"b1", "b2", "b3"}


def test_without_the_key_recorded_verdicts_count(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        put(store, key, age)
    clean(store, SHORT)
    assert ids(store) == {"b1", "b2", "b3"}
