"""A data key is wrapped for one backup by one key, and works for nothing else."""

import base64
from pathlib import Path

import pytest

from shared.archive.data_key import DataKey
from shared.archive.wrapped_by import same_key
from shared.errors import KeyProblem, NotGood
from shared.keys.keyfile import KeyFile
from shared.model.kinds import Kind
from shared.model.names import BackupName
from tests.archive.builders import LATER, NAME, PLAIN, read, store


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "key")


def test_unwrapped_data_key_decrypts_what_the_original_encrypted(
    tmp_path: Path, key: KeyFile, data_key: DataKey
) -> None:
    stored, artifact = store(tmp_path, key=data_key)
    twin = DataKey.unwrap(data_key.wrap(key, NAME), key, NAME)
    assert read(stored, artifact, twin) == PLAIN


def test_manifest_records_the_wrapping_key_name_only(key: KeyFile, data_key: DataKey) -> None:
    encryption = data_key.wrap(key, NAME)
    assert encryption.key == key.name
    assert encryption.scheme == "tink-streaming-aead-aes256-gcm-hkdf-1mb"
    assert len(base64.b64decode(encryption.wrapped_key)) < 300


@pytest.mark.parametrize(
    "other",
    [LATER, BackupName(NAME.kind, "other", NAME.id), BackupName(Kind.WEEKLY, NAME.database, NAME.id)],
)
def test_wrapped_key_cannot_be_used_for_another_backup(key: KeyFile, data_key: DataKey, other: BackupName) -> None:
    with pytest.raises(NotGood, match="of another backup"):
        DataKey.unwrap(data_key.wrap(key, NAME), key, other)


def test_error_names_the_configured_key_and_the_right_one(tmp_path: Path, key: KeyFile, data_key: DataKey) -> None:
    wrong = KeyFile.create(tmp_path / "wrong")
    with pytest.raises(KeyProblem) as refused:
        DataKey.unwrap(data_key.wrap(key, NAME), wrong, NAME)
    for part in (wrong.name, key.name, NAME.id, "is not the one that wrapped"):
        assert part in str(refused.value)


def test_wrapped_key_with_any_changed_character_is_refused(key: KeyFile, data_key: DataKey) -> None:
    encryption = data_key.wrap(key, NAME)
    text = encryption.wrapped_key
    for at in range(len(text)):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        with pytest.raises(NotGood):
            DataKey.unwrap(encryption.model_copy(update={"wrapped_key": changed}), key, NAME)


def test_wrapped_secret_that_is_not_a_keyset_is_refused(key: KeyFile, data_key: DataKey) -> None:
    encryption = data_key.wrap(key, NAME)

    class Sly(KeyFile):
        def __init__(self) -> None:
            self.name = key.name

        def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
            return b"not a keyset"

    with pytest.raises(NotGood):
        DataKey.unwrap(encryption, Sly(), NAME)


def test_seal_is_valid_only_for_its_content_and_key(data_key: DataKey) -> None:
    seal = data_key.seal(b"content")
    assert data_key.is_sealed(b"content", seal)
    assert not data_key.is_sealed(b"content.", seal)
    assert not DataKey.generate().is_sealed(b"content", seal)
    assert seal != data_key.seal(b"content")


def test_changed_or_truncated_seal_is_invalid(data_key: DataKey) -> None:
    seal = data_key.seal(b"content")
    others = [seal[:end] for end in range(len(seal))] + [seal + more for more in ("=", "A", "\n", " ", seal)]
    others += [seal[:at] + chr(ord(seal[at]) ^ bit) + seal[at + 1 :] for at in range(len(seal)) for bit in (1, 2, 128)]
    for other in others:
        assert not data_key.is_sealed(b"content", other)


@pytest.mark.parametrize(
    ("recorded", "configured", "same"),
    [
        ("file:0011223344556677", "file:0011223344556677", True),
        ("file:0011223344556677", "file:0011223344556678", False),
        ("gcp-kms://p/cryptoKeys/k/cryptoKeyVersions/1", "gcp-kms://p/cryptoKeys/k", True),
        ("gcp-kms://p/cryptoKeys/k/cryptoKeyVersions/1", "gcp-kms://p/cryptoKeys/k/cryptoKeyVersions/2", True),
        ("gcp-kms://p/cryptoKeys/k/cryptoKeyVersions/1", "gcp-kms://p/cryptoKeys/k2", False),
        ("gcp-kms://p/cryptoKeys/k", "file:0011223344556677", False),
    ],
)
def test_versions_of_a_cloud_kms_key_are_the_same_key(recorded: str, configured: str, same: bool) -> None:
    assert same_key(recorded, configured) is same
