"""An artifact gives back the bytes that were written, and stock tools read it if it is not encrypted."""

import gzip
import hashlib
import io
import subprocess
import tempfile
from pathlib import Path

import google_crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.archive.data_key import DataKey
from shared.archive.reader import check_stored, read_artifact
from shared.archive.writer import ArtifactWriter, write_artifact
from shared.errors import StoreError
from shared.model.names import Format
from tests.archive.builders import NAME, PLAIN, read, store

KEY = DataKey.generate()

contents = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 300_000)).map(lambda p: p[0] * p[1]),
    ),
    max_size=6,
)


class Trickle(io.BytesIO):
    """Returns few bytes at a time, as a network may."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        super().__init__(content)
        self._sizes = sizes

    def read(self, size: int | None = -1, /) -> bytes:
        limit = self._sizes[self.tell() % len(self._sizes)]
        return super().read(limit if size is None or size < 0 else min(size, limit))


@given(
    chunks=contents,
    form=st.sampled_from(Format),
    encrypted=st.booleans(),
    sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_artifact_round_trip_gives_the_same_bytes(
    chunks: list[bytes], form: Format, encrypted: bool, sizes: list[int]
) -> None:
    key = KEY if encrypted else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "artifact"
        artifact = write_artifact(chunks, path, form, key, NAME)
        stored = path.read_bytes()
    check_stored(io.BytesIO(stored), artifact)
    if len(stored) > 10_000:
        sizes = [size + 1000 for size in sizes]
    assert b"".join(read_artifact(Trickle(stored, sizes), artifact, key, NAME)) == b"".join(chunks)


@pytest.mark.parametrize("form", Format)
def test_artifact_description_matches_the_file(tmp_path: Path, form: Format, maybe_key: DataKey | None) -> None:
    stored, artifact = store(tmp_path, PLAIN, form, maybe_key)
    assert artifact.format == form
    assert artifact.object == NAME.artifact(form, encrypted=maybe_key is not None)
    assert artifact.size_bytes == len(stored)
    assert artifact.sha256 == hashlib.sha256(stored).hexdigest()
    assert int(artifact.crc32c, 16) == google_crc32c.value(stored)
    assert artifact.plain_size_bytes == len(PLAIN)
    assert artifact.plain_sha256 == hashlib.sha256(PLAIN).hexdigest()
    assert artifact.encrypted == (maybe_key is not None)


def test_stock_gunzip_reads_an_unencrypted_dump(tmp_path: Path) -> None:
    stored, _ = store(tmp_path, PLAIN * 1000)
    out = subprocess.run(["gunzip", "-c"], input=stored, capture_output=True, check=True)
    assert out.stdout == PLAIN * 1000
    assert gzip.decompress(stored) == PLAIN * 1000


def test_compression_is_deterministic(tmp_path: Path) -> None:
    assert store(tmp_path)[0] == store(tmp_path)[0]


def test_encrypted_artifact_reveals_no_content(tmp_path: Path, data_key: DataKey) -> None:
    first, _ = store(tmp_path, PLAIN, key=data_key)
    second, _ = store(tmp_path, PLAIN, key=data_key)
    assert first != second
    assert b"\x1f\x8b\x08" not in first[:64]
    assert b"INSERT" not in first


def test_artifact_never_overwrites_a_file(tmp_path: Path, data_key: DataKey) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(b"mine")
    with pytest.raises(StoreError, match="File exists"):
        ArtifactWriter(path, Format.SQL, data_key, NAME)
    assert path.read_bytes() == b"mine"


def test_artifact_has_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    write_artifact([PLAIN], path, Format.SQL, None, NAME)
    assert path.stat().st_mode & 0o777 == 0o600


def test_artifact_of_several_segments_survives(tmp_path: Path, data_key: DataKey) -> None:
    plain = hashlib.shake_256(b"incompressible").digest((3 << 20) + 17)
    stored, artifact = store(tmp_path, plain, Format.SQLITE, data_key)
    assert read(stored, artifact, data_key) == plain
