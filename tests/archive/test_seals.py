"""A stored manifest is accepted only if no byte of it was changed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.archive.data_key import DataKey
from shared.archive.seals import check_manifest, seal_manifest
from shared.errors import KeyProblem, NotGood
from shared.keys.keyfile import KeyFile
from shared.model.manifest import Artifact, Manifest, parse_manifest
from shared.model.names import BackupName
from tests.archive.builders import LATER, NAME, PLAIN, manifest, read, store


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "key")


def sealed(tmp_path: Path, key: KeyFile | None, name: BackupName = NAME, **more: Any) -> bytes:
    """Returns a stored manifest with one artifact."""
    data_key = DataKey.generate() if key else None
    _, artifact = store(tmp_path, key=data_key, name=name)
    encryption = data_key.wrap(key, name) if data_key and key else None
    whole = manifest(name, artifacts=[artifact], encryption=encryption, **more)
    return seal_manifest(whole, data_key).to_json()


def opened(raw: bytes, key: KeyFile | None, name: BackupName = NAME) -> DataKey | None:
    return check_manifest(parse_manifest(raw, name), raw, key)


@pytest.mark.parametrize("encrypted", [True, False])
def test_manifest_with_any_changed_byte_is_refused(tmp_path: Path, key: KeyFile, encrypted: bool) -> None:
    used = key if encrypted else None
    raw = sealed(tmp_path, used)
    opened(raw, used)
    for at in range(len(raw)):
        for bit in (1, 0x20):
            changed = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
            with pytest.raises((NotGood, KeyProblem)):
                opened(changed, used)


@pytest.mark.parametrize("encrypted", [True, False])
def test_truncation_at_any_length_is_refused(tmp_path: Path, key: KeyFile, encrypted: bool) -> None:
    used = key if encrypted else None
    raw = sealed(tmp_path, used)
    for length in range(len(raw)):
        with pytest.raises(NotGood):
            opened(raw[:length], used)


def _removed(field: str) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.pop(field)


def _set(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.update({field: value})


def _reordered(found: dict[str, Any]) -> None:
    found["environment"] = found.pop("environment")


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        lambda found: None,  # the same content in another JSON format
        _removed("reindex"),
        _set("rows", 3),
        _set("note", "added"),
        _set("reindex", ["i"]),
        _set("seal", ""),
        _reordered,
        lambda found: found["source"].update(extra=1),
        lambda found: found["row_counts"].update(u=1),
        lambda found: found["artifacts"].append(dict(found["artifacts"][0])),
        lambda found: found["artifacts"][0].update(size_bytes=1),
    ],
)
def test_rewritten_manifest_is_refused(
    tmp_path: Path, key: KeyFile, encrypted: bool, change: Callable[[dict[str, Any]], None]
) -> None:
    used = key if encrypted else None
    found = json.loads(sealed(tmp_path, used))
    change(found)
    with pytest.raises(NotGood, match="seal does not match"):
        opened(json.dumps(found).encode(), used)


@pytest.mark.parametrize("more", [b" ", b"\n", b'"seal": "x"', b"\0"])
def test_manifest_with_extra_bytes_is_refused(tmp_path: Path, key: KeyFile, more: bytes) -> None:
    raw = sealed(tmp_path, key)
    for changed in (raw + more, more + raw, raw.replace(b"{\n", b"{\n" + more, 1)):
        with pytest.raises(NotGood):
            opened(changed, key)


def test_duplicate_field_in_a_manifest_is_refused(tmp_path: Path, key: KeyFile) -> None:
    raw = sealed(tmp_path, key)
    seal = json.loads(raw)["seal"]
    for twin in (b'"rows": 2,', b'"rows": 7,', f'"seal": "{seal}",'.encode(), b'"seal": "",'):
        for changed in (raw.replace(b"{\n", b"{\n  " + twin, 1), raw[:-2] + b", " + twin[:-1] + b"}\n"):
            with pytest.raises(NotGood):
                opened(changed, key)


def test_manifest_under_another_id_is_refused(tmp_path: Path, key: KeyFile) -> None:
    raw = sealed(tmp_path, key)
    with pytest.raises(NotGood, match="belongs to"):
        opened(raw, key, LATER)
    renamed = raw.replace(NAME.id.encode(), LATER.id.encode())
    with pytest.raises(NotGood, match="cannot be unwrapped"):
        opened(renamed, key, LATER)


def test_seal_of_another_backup_is_refused(tmp_path: Path, key: KeyFile) -> None:
    ours, theirs = sealed(tmp_path, key), sealed(tmp_path, key, LATER)
    stolen = ours.replace(json.loads(ours)["seal"].encode(), json.loads(theirs)["seal"].encode())
    with pytest.raises(NotGood, match="seal does not match"):
        opened(stolen, key)


def test_parts_of_two_backups_cannot_be_mixed(tmp_path: Path, key: KeyFile) -> None:
    """Combines the wrapped key and seal of one backup with the rest of another of the same id."""
    first, second = json.loads(sealed(tmp_path, key)), json.loads(sealed(tmp_path, key, rows=99))
    mixed = second | {"encryption": first["encryption"], "seal": first["seal"]}
    raw = Manifest.model_validate(mixed).to_json()
    with pytest.raises(NotGood, match="seal does not match"):
        opened(raw, key)


def test_unencrypted_backup_is_refused_when_a_key_is_set(tmp_path: Path, key: KeyFile) -> None:
    raw = sealed(tmp_path, None)
    with pytest.raises(NotGood, match="BACKUP_KEY=none"):
        opened(raw, key)
    assert opened(raw, None) is None


def test_error_names_the_key_that_an_encrypted_backup_needs(tmp_path: Path, key: KeyFile) -> None:
    with pytest.raises(KeyProblem, match=key.name):
        opened(sealed(tmp_path, key), None)


def test_wrong_key_is_not_reported_as_damage(tmp_path: Path, key: KeyFile) -> None:
    wrong = KeyFile.create(tmp_path / "wrong")
    with pytest.raises(KeyProblem, match=f"{wrong.name}.*{key.name}"):
        opened(sealed(tmp_path, key), wrong)


def test_data_key_of_a_checked_manifest_decrypts_its_artifact(tmp_path: Path, key: KeyFile) -> None:
    data_key = DataKey.generate()
    stored, artifact = store(tmp_path, key=data_key)
    whole = manifest(artifacts=[artifact], encryption=data_key.wrap(key, NAME))
    raw = seal_manifest(whole, data_key).to_json()
    found: Artifact = parse_manifest(raw, NAME).artifacts[0]
    assert read(stored, found, opened(raw, key)) == PLAIN


def test_unknown_fields_are_sealed_too(tmp_path: Path, key: KeyFile) -> None:
    raw = sealed(tmp_path, key, note="of a later version", nested={"seal": "mine", "é": [1.5, None]})
    opened(raw, key)
    for before, after in ((b"of a later", b"of a newer"), (b'"mine"', b'"mint"'), (b"1.5", b"1.50")):
        assert before in raw
        with pytest.raises(NotGood, match="seal does not match"):
            opened(raw.replace(before, after), key)


def test_seal_cannot_be_copied_into_an_empty_field(tmp_path: Path, key: KeyFile) -> None:
    raw = sealed(tmp_path, key, nested={"seal": ""})
    opened(raw, key)
    marked = f'"seal": "{json.loads(raw)["seal"]}"'.encode()
    with pytest.raises(NotGood, match="seal does not match"):
        opened(raw.replace(b'"seal": ""', marked), key)


def test_manifest_of_a_version_with_fewer_fields_is_accepted(tmp_path: Path) -> None:
    """Fields are added over time, with defaults, so older manifests lack them."""
    raw = sealed(tmp_path, None)
    older = raw.replace(b'  "reindex": [],\n', b"")
    found = json.loads(older)
    unsealed = older.replace(found["seal"].encode(), b"")
    resealed = older.replace(found["seal"].encode(), b"sha256:" + hashlib.sha256(unsealed).hexdigest().encode())
    assert older != raw
    assert opened(resealed, None) is None


def test_manifest_must_be_sealed_with_its_own_kind_of_seal(data_key: DataKey, key: KeyFile) -> None:
    with pytest.raises(ValueError, match="data key"):
        seal_manifest(manifest(), data_key)
    with pytest.raises(ValueError, match="data key"):
        seal_manifest(manifest(encryption=data_key.wrap(key, NAME)), None)
