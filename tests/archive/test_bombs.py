"""A decompression bomb costs time but not memory, and never gives more bytes than the manifest records."""

import gzip
import io
import resource
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
import zstandard

from shared.archive.reader import open_compressed, read_artifact
from shared.archive.seals import seal_manifest
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.errors import NotGood
from shared.model.kinds import Kind
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.transfer import export_backup
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore
from tests.archive.builders import NAME, announced, store

GIB = 1 << 30


def gzip_bomb() -> bytes:
    """Returns 256 MiB of zeros, compressed."""
    return gzip.compress(bytes(256 << 20), compresslevel=1, mtime=0)


def zstd_bomb(size: int = 8 * GIB) -> bytes:
    """Returns run-length blocks of 4 bytes for each 128 KiB (RFC 8878, 3.1.1.2)."""
    header = struct.pack("<IBB", 0xFD2FB528, 0x00, 0x38)  # window of 128 KiB
    block = ((128 << 10) << 3) | (1 << 1)
    blocks = struct.pack("<I", block)[:3] + b"\0"
    last = struct.pack("<I", block | 1)[:3] + b"\0"
    return header + blocks * (size // (128 << 10) - 1) + last


@pytest.mark.parametrize(("form", "bomb"), [(Format.SQL, gzip_bomb), (Format.SQLITE, zstd_bomb)])
def test_reading_stops_at_the_size_in_the_manifest(tmp_path: Path, form: Format, bomb: Callable[[], bytes]) -> None:
    stored = bomb()
    _, artifact = store(tmp_path, bytes(20 << 20), form)
    sizes = map(len, read_artifact(io.BytesIO(stored), announced(stored, artifact), None, NAME))
    seen: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(NotGood, match="holds more than the 20971520 bytes"):
            seen.extend(sizes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(seen) <= 20 << 20
    assert peak < 48 << 20


def test_zstd_bomb_in_an_import_file_is_read_in_bounded_steps(tmp_path: Path) -> None:
    path = tmp_path / "bomb.sqlite.zst"
    path.write_bytes(zstd_bomb(GIB))
    sizes = [len(chunk) for chunk in open_compressed(path)]
    assert sum(sizes) == GIB
    assert max(sizes) <= 16 << 20


def test_frame_with_a_huge_window_is_refused(tmp_path: Path) -> None:
    stored = struct.pack("<IBB", 0xFD2FB528, 0x00, (20 << 3)) + b"\x01\0\0"  # 1 GiB
    _, artifact = store(tmp_path, b"", Format.SQLITE)
    with pytest.raises(NotGood, match="zstd stream is broken"):
        list(read_artifact(io.BytesIO(stored), announced(stored, artifact), None, NAME))
    path = tmp_path / "window.zst"
    path.write_bytes(stored)
    with pytest.raises(NotGood, match="zstd stream is broken"):
        list(open_compressed(path))


@pytest.mark.parametrize("ending", [".sql", ".sql.gz", ".sqlite"])
@pytest.mark.parametrize("bound", ["manifest", "header"])
def test_export_writes_no_more_than_the_size_in_the_manifest(tmp_path: Path, ending: str, bound: str) -> None:
    """The manifest is forged, without a key: its plain size is too small, or does not match the pages."""
    form = Format.SQLITE if ending == ".sqlite" or bound == "header" else Format.SQL
    stored = zstd_bomb(GIB) if form is Format.SQLITE else gzip_bomb()
    catalog, backup = forged(tmp_path, form, stored, GIB if bound == "header" else 1 << 20)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20 << 20, before[1]))
    try:
        with pytest.raises(NotGood, match=r"holds more than the 1048576 bytes|unpacks to more than the 8192 bytes"):
            export_backup(catalog, backup, None, tmp_path / f"new{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.glob("*new*"))


def forged(folder: Path, form: Format, stored: bytes, plain_size: int) -> tuple[Catalog, Backup]:
    """Makes a backup of 2 pages whose artifact is `stored`, with a manifest that matches all but the plain bytes."""
    with closing(apsw.Connection(str(folder / "app.db"))) as db:
        db.execute("CREATE TABLE t(a)")
    place = FolderStore(folder / "store")
    take_backup(
        BackupOptions(
            location=FileLocation(folder / "app.db"),
            store=place,
            key=None,
            kind=Kind.ON_DEMAND,
            formats=(form,),
            keep_for=timedelta(days=1),
            environment="test",
        )
    )
    (path,) = (folder / "store").rglob("*.manifest.json")
    true = Manifest.model_validate_json(path.read_bytes())
    artifact = announced(stored, true.artifacts[0]).model_copy(update={"plain_size_bytes": plain_size})
    path.write_bytes(seal_manifest(true.model_copy(update={"artifacts": [artifact]}), None).to_json())
    (folder / "store" / artifact.object).write_bytes(stored)
    (backup,) = Catalog(place).backups()
    return Catalog(place), backup


def test_zstd_bomb_of_the_tests_is_valid() -> None:
    assert zstandard.ZstdDecompressor().decompressobj().decompress(zstd_bomb(1 << 20)) == bytes(1 << 20)
