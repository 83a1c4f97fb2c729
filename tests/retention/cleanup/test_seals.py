"""A cleanup deletes nothing because of a verdict or a manifest that nobody with the key has made."""

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
from shared.retention import clean, preview
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
    """A backup of that age under that key, with a verdict that is sealed as it should be."""
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
    """A verdict as somebody writes it who has seen others, and has no key."""
    moment = ago(0.001)
    example = next(item for item in store.list_objects("") if ".verified-" in item.name)
    with store.open(example.name) as stream:
        text = stream.read().decode()
    said = json.loads(text) | {"id": name.id, "ok": ok, "recorded_at": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"}
    store.create(name.verdict(moment), json.dumps(said, indent=2).encode(), {})


def fill(store: Store, key: WrappingKey) -> None:
    """Three verified ones past their time, of which nothing newer was verified."""
    for age in (100, 101, 102):
        put(store, key, age)


def test_what_is_verified_by_its_seal_lets_old_ones_go(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        put(store, key, age)
    done = clean(store, SHORT, open_key=lambda: key)
    assert (ids(store), done.attention) == ({"b1", "b2", "b3"}, [])


def test_forged_verdicts_let_nothing_go(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        forge(store, put(store, key, age, verified=None))
    done = clean(store, SHORT, open_key=lambda: key)
    assert done.deleted == set()
    assert [line for line in done.attention if "counts for nothing, its seal is wrong" in line]
    assert "waits for a verified one" in str(done.attention)
    planned = preview(store, SHORT, open_key=lambda: key)
    assert (planned.going, planned.attention) == (frozenset(), done.attention)


def test_a_forged_verdict_that_one_is_not_good_stops_nothing(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        forge(store, put(store, key, age), ok=False)
    clean(store, SHORT, open_key=lambda: key)
    assert ids(store) == {"b1", "b2", "b3"}


def test_backups_under_a_key_of_somebody_else_protect_and_push_out_nothing(
    store: Store, key: KeyFile, tmp_path: Path
) -> None:
    fill(store, key)
    theirs = KeyFile.create(tmp_path / "theirs.key")
    for age in (1, 2, 3):
        put(store, theirs, age)
    done = clean(store, SHORT, open_key=lambda: key)
    assert done.deleted == set()
    assert "is not the one that wrapped backup b1" in str(done.attention)


def test_verdicts_from_before_they_had_seals_still_count(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        name = put(store, key, age, verified=None, verdict_seal=0)
        Catalog(store).record(name, Verdict(True), ago(age - 0.1))
    clean(store, SHORT, open_key=lambda: key)
    assert ids(store) == {"b1", "b2", "b3"}


def test_without_the_key_what_was_recorded_counts(store: Store, key: KeyFile) -> None:
    fill(store, key)
    for age in (1, 2, 3):
        put(store, key, age)
    clean(store, SHORT)
    assert ids(store) == {"b1", "b2", "b3"}
