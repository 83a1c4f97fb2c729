"""A changed, truncated, extended, swapped or foreign artifact is refused."""

import hashlib
import io
from pathlib import Path

import pytest

from shared.archive.data_key import DataKey
from shared.archive.reader import check_stored, read_artifact
from shared.errors import KeyProblem, NotGood, StoreError
from shared.model.kinds import Kind
from shared.model.manifest import Artifact
from shared.model.names import BackupName, Format
from tests.archive.builders import LATER, NAME, PLAIN, announced, read, store


@pytest.mark.parametrize("form", Format)
def test_encrypted_artifact_with_any_changed_byte_is_refused(tmp_path: Path, form: Format, data_key: DataKey) -> None:
    stored, artifact = store(tmp_path, PLAIN, form, data_key)
    for at in range(len(stored)):
        changed = _flipped(stored, at)
        with pytest.raises(NotGood, match=r"was changed"):
            read(changed, artifact, data_key)
        with pytest.raises(NotGood):  # also if the manifest's hashes match
            read(changed, announced(changed, artifact), data_key)
        with pytest.raises(NotGood, match="SHA-256"):
            check_stored(io.BytesIO(changed), artifact)


@pytest.mark.parametrize("form", Format)
def test_unencrypted_artifact_with_any_changed_byte_is_refused(tmp_path: Path, form: Format) -> None:
    stored, artifact = store(tmp_path, PLAIN, form)
    for at in range(len(stored)):
        with pytest.raises(NotGood):
            read(_flipped(stored, at), artifact)


@pytest.mark.parametrize("form", Format)
def test_truncation_at_any_length_is_refused(tmp_path: Path, form: Format, maybe_key: DataKey | None) -> None:
    stored, artifact = store(tmp_path, PLAIN, form, maybe_key)
    for length in range(len(stored)):
        cut = stored[:length]
        with pytest.raises(NotGood):
            read(cut, artifact, maybe_key)
        with pytest.raises(NotGood):
            read(cut, announced(cut, artifact), maybe_key)
        with pytest.raises(NotGood, match=rf"has {length} bytes? instead of {len(stored)}"):
            check_stored(io.BytesIO(cut), artifact)


def test_truncation_at_a_segment_boundary_is_refused(tmp_path: Path, data_key: DataKey) -> None:
    plain = hashlib.shake_256(b"incompressible").digest(3 << 20)
    stored, artifact = store(tmp_path, plain, Format.SQLITE, data_key)
    for segments in (1, 2, 3):
        cut = stored[: segments << 20]
        with pytest.raises(NotGood, match="cannot be decrypted"):
            read(cut, announced(cut, artifact), data_key)


def test_swapped_segments_are_refused(tmp_path: Path, data_key: DataKey) -> None:
    plain = hashlib.shake_256(b"incompressible").digest(4 << 20)
    stored, artifact = store(tmp_path, plain, Format.SQLITE, data_key)
    one, two = slice(1 << 20, 2 << 20), slice(2 << 20, 3 << 20)
    swapped = stored[: 1 << 20] + stored[two] + stored[one] + stored[3 << 20 :]
    with pytest.raises(NotGood, match="cannot be decrypted"):
        read(swapped, announced(swapped, artifact), data_key)


@pytest.mark.parametrize("form", Format)
def test_bytes_after_the_end_are_refused(tmp_path: Path, form: Format, maybe_key: DataKey | None) -> None:
    stored, artifact = store(tmp_path, PLAIN, form, maybe_key)
    empty, _ = store(tmp_path, b"", form)
    for more in (b"\0", b"x", stored, empty):
        longer = stored + more
        with pytest.raises(NotGood, match="is larger than"):
            read(longer, artifact, maybe_key)
        with pytest.raises(NotGood, match=r"after its end|cannot be decrypted"):
            read(longer, announced(longer, artifact), maybe_key)


@pytest.mark.parametrize(
    "other",
    [
        LATER,
        BackupName(NAME.kind, "customers", NAME.id),
        BackupName(Kind.WEEKLY, NAME.database, NAME.id),
    ],
    ids=["another id", "another database", "another kind"],
)
def test_artifact_of_another_backup_is_refused(tmp_path: Path, data_key: DataKey, other: BackupName) -> None:
    stored, artifact = store(tmp_path, PLAIN, key=data_key)
    with pytest.raises(NotGood, match="is not an artifact of"):
        read(stored, artifact, data_key, other)
    renamed = artifact.model_copy(update={"object": other.artifact(Format.SQL, encrypted=True)})
    with pytest.raises(NotGood, match="cannot be decrypted"):
        read(stored, renamed, data_key, other)


def test_artifacts_of_two_formats_cannot_be_swapped(tmp_path: Path, data_key: DataKey) -> None:
    sql, as_sql = store(tmp_path, PLAIN, Format.SQL, data_key)
    image, as_image = store(tmp_path, PLAIN, Format.SQLITE, data_key)
    for stored, artifact in ((sql, as_image), (image, as_sql)):
        with pytest.raises(NotGood, match="cannot be decrypted"):
            read(stored, announced(stored, artifact), data_key)


def test_another_data_key_decrypts_nothing(tmp_path: Path, data_key: DataKey) -> None:
    stored, artifact = store(tmp_path, PLAIN, key=data_key)
    with pytest.raises(NotGood, match="cannot be decrypted"):
        read(stored, artifact, DataKey.generate())


def test_encrypted_artifact_needs_its_key(tmp_path: Path, data_key: DataKey) -> None:
    stored, artifact = store(tmp_path, PLAIN, key=data_key)
    with pytest.raises(KeyProblem, match="BACKUP_KEY"):
        read(stored, artifact)


def test_unencrypted_artifact_in_an_encrypted_backup_is_refused(tmp_path: Path, data_key: DataKey) -> None:
    stored, artifact = store(tmp_path, PLAIN)
    with pytest.raises(NotGood, match="not encrypted"):
        read(stored, artifact, data_key)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("plain_size_bytes", len(PLAIN) + 1, "bytes instead of"),
        ("plain_size_bytes", len(PLAIN) - 1, "holds more than"),
        ("plain_sha256", "0" * 64, "SHA-256"),
        ("sha256", "0" * 64, "SHA-256"),
        ("crc32c", "00000000", "CRC32C"),
        ("size_bytes", 10_000, "instead of 10000"),
    ],
)
def test_each_size_and_hash_in_the_manifest_is_checked(
    tmp_path: Path, data_key: DataKey, field: str, value: object, message: str
) -> None:
    stored, artifact = store(tmp_path, PLAIN, key=data_key)
    with pytest.raises(NotGood, match=message) as refused:
        read(stored, artifact.model_copy(update={field: value}), data_key)
    assert str(refused.value).startswith(artifact.object)
    assert "\n" not in str(refused.value)


def test_store_errors_are_not_reported_as_damage(tmp_path: Path, maybe_key: DataKey | None) -> None:
    stored, artifact = store(tmp_path, PLAIN, key=maybe_key)
    for error in (StoreError("the bucket is out of reach"), EOFError("odd"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as raised:
            _drain(_Failing(stored, error), artifact, maybe_key)
        assert raised.value is error


class _Failing(io.BytesIO):
    def __init__(self, content: bytes, error: BaseException) -> None:
        super().__init__(content[:-5])
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if not piece:
            raise self._error
        return piece


def _drain(raw: io.BytesIO, artifact: Artifact, key: DataKey | None) -> None:
    for _ in read_artifact(raw, artifact, key, NAME):
        pass


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
