"""An interrupted write of an artifact leaves nothing that can be decrypted or decompressed."""

import errno
import gc
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tink import proto_keyset_format, secret_key_access

from shared.archive.damage import Damaged
from shared.archive.data_key import DataKey, artifact_context
from shared.archive.decompress import gunzip, unzstd
from shared.archive.reader import _StoredBytes
from shared.archive.writer import ArtifactWriter, write_artifact
from shared.errors import SourceError, StoreError
from shared.model.manifest import Artifact
from shared.model.names import Format
from tests.archive.builders import NAME, PLAIN

NOISE = hashlib.shake_256(b"noise").digest(300_000)


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("chunks", [0, 1, 2, 8])
@pytest.mark.parametrize("error", [SourceError("gone"), KeyboardInterrupt(), GeneratorExit(), SystemExit(1)])
def test_exception_in_the_block_leaves_no_file(
    tmp_path: Path, maybe_key: DataKey | None, form: Format, chunks: int, error: BaseException
) -> None:
    path = tmp_path / "artifact"

    def interrupted() -> None:
        with ArtifactWriter(path, form, maybe_key, NAME) as writer:
            for _ in range(chunks):
                writer.write(NOISE)
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_leaving_the_block_without_finish_leaves_no_file(tmp_path: Path, maybe_key: DataKey | None) -> None:
    with ArtifactWriter(tmp_path / "artifact", Format.SQL, maybe_key, NAME) as writer:
        writer.write(PLAIN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("size", [0, 100, 300_000, 5_000_000])
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_abandoned_writer_leaves_nothing_that_can_be_decoded(
    tmp_path: Path, maybe_key: DataKey | None, form: Format, size: int
) -> None:
    path = tmp_path / "artifact"
    writer = ArtifactWriter(path, form, maybe_key, NAME)
    writer.write(hashlib.shake_256(b"x").digest(size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del writer
        gc.collect()
    _assert_unreadable(path, form, maybe_key)


@pytest.mark.parametrize("form", Format)
def test_process_exit_during_a_write_leaves_nothing_that_can_be_decoded(tmp_path: Path, form: Format) -> None:
    """The interpreter closes streams at exit. The key is saved so that this test can try to decrypt the file."""
    script = """
import sys
from pathlib import Path
from shared.archive.data_key import DataKey
from shared.archive.writer import ArtifactWriter
from shared.model.names import Format
from tests.archive.builders import NAME
from tink import proto_keyset_format, secret_key_access
key = DataKey.generate()
Path(sys.argv[1], "key").write_bytes(proto_keyset_format.serialize(key._keyset, secret_key_access.TOKEN))
writer = ArtifactWriter(Path(sys.argv[1], "artifact"), Format(sys.argv[2]), key, NAME)
writer.write(bytes(range(256)) * 4000)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path), form], check=True, cwd=Path.cwd())
    keyset = proto_keyset_format.parse((tmp_path / "key").read_bytes(), secret_key_access.TOKEN)
    _assert_unreadable(tmp_path / "artifact", form, DataKey(keyset))


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("limit", [0, 1, 50, 100_000, 1_048_576, 1_100_000])
def test_full_disk_is_reported_and_leaves_no_file(
    tmp_path: Path, maybe_key: DataKey | None, form: Format, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = ArtifactWriter(tmp_path / "artifact", form, maybe_key, NAME)
    monkeypatch.setattr(writer._stored, "_file", _FullDisk(writer._stored._file, limit))

    def fill_the_disk() -> None:
        with writer:
            writer.write(hashlib.shake_256(b"more noise").digest(3 << 20))
            writer.finish()

    with pytest.raises(StoreError, match="No space left on device; free space"):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []


def test_failed_sync_leaves_no_file(tmp_path: Path, maybe_key: DataKey | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StoreError, match="Input/output error"):
        write_artifact([PLAIN], tmp_path / "artifact", Format.SQL, maybe_key, NAME)
    assert list(tmp_path.iterdir()) == []


def test_writes_after_finish_are_refused(tmp_path: Path, maybe_key: DataKey | None) -> None:
    with ArtifactWriter(tmp_path / "artifact", Format.SQL, maybe_key, NAME) as writer:
        writer.finish()
        for again in (lambda: writer.write(b"x"), writer.finish):
            with pytest.raises(ValueError, match="finished or aborted"):
                again()
        writer.abort()
    assert (tmp_path / "artifact").exists()


def test_error_of_the_source_is_raised_unchanged_and_leaves_no_file(tmp_path: Path, maybe_key: DataKey | None) -> None:
    def chunks() -> Iterator[bytes]:
        yield NOISE
        raise SourceError("the table t cannot be read")

    with pytest.raises(SourceError, match="the table t cannot be read"):
        write_artifact(chunks(), tmp_path / "artifact", Format.SQL, maybe_key, NAME)
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "litekeep-pipeline"]


def test_ctrl_c_while_writing_leaves_no_file(tmp_path: Path, maybe_key: DataKey | None) -> None:
    def chunks() -> Iterator[bytes]:
        yield NOISE
        signal.raise_signal(signal.SIGINT)
        while True:
            yield NOISE

    with pytest.raises(KeyboardInterrupt):
        write_artifact(chunks(), tmp_path / "artifact", Format.SQLITE, maybe_key, NAME)
    assert list(tmp_path.iterdir()) == []


class _FullDisk(io.RawIOBase):
    """A file on a disk that has space for `limit` more bytes."""

    def __init__(self, file: io.RawIOBase, limit: int) -> None:
        self._file = file
        self._room = limit

    def write(self, data: memoryview, /) -> int:  # type: ignore[override]
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self._file.write(data[: self._room]) or 0
        self._room -= taken
        return taken

    def truncate(self, size: int | None = None, /) -> int:
        return self._file.truncate(size)

    def close(self) -> None:
        self._file.close()


def _assert_unreadable(path: Path, form: Format, key: DataKey | None) -> None:
    stored = path.read_bytes()
    if key is not None:
        anything = Artifact.model_construct(size_bytes=1 << 40)
        with pytest.raises(Damaged, match="cannot be decrypted"):
            for _ in key.decrypted(_StoredBytes(io.BytesIO(stored), anything), artifact_context(NAME, form)):
                pass
    else:
        with pytest.raises(Damaged, match="cut short"):
            for _ in gunzip(iter([stored])) if form is Format.SQL else unzstd(iter([stored])):
                pass
