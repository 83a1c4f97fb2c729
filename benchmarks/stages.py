"""The stages of a backup and of a restore, measured one by one in this process to find bottlenecks."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from shared.archive.data_key import DataKey
from shared.archive.reader import read_artifact
from shared.archive.writer import ArtifactWriter
from shared.dump.dump import DumpHeader, dump
from shared.dump.load import load_sql
from shared.model.kinds import Kind
from shared.model.manifest import Artifact
from shared.model.names import BackupName, Format
from shared.sqlite.checks import check_integrity
from shared.sqlite.sqlite_file import snapshot_file
from shared.stores import open_store

_NAME = BackupName(Kind.ON_DEMAND, "app.db", "stages")
_PIECE = 1 << 20


@dataclass(frozen=True)
class Stage:
    """One stage: elapsed seconds, CPU seconds, and the bytes that it processed."""

    name: str
    wall: float
    cpu: float
    size: int


class Stages:
    def __init__(self) -> None:
        self.found: list[Stage] = []

    @contextmanager
    def stage(self, name: str, size: Callable[[], int]) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.found.append(Stage(name, time.perf_counter() - wall, time.process_time() - cpu, size()))


def measure_stages(source: Path, folder: Path) -> list[Stage]:
    """Runs the stages on `source` one after the other, with their inputs in memory and files below `folder`."""
    folder.mkdir()
    stages, image, key = Stages(), folder / "snapshot.sqlite", DataKey.generate()
    with stages.stage("snapshot", image_size := lambda: image.stat().st_size):
        snapshot_file(source, image)
    with stages.stage("check the snapshot", image_size):
        check_integrity(image, quick=True)
    sql: list[bytes] = []
    with stages.stage("dump", lambda: sum(map(len, sql))), closing(_open(image)) as connection:
        sql += dump(connection, DumpHeader("app.db", "2024-01-15T00:00:00Z", "0"))
    with stages.stage("hash the SQL", sql_size := lambda: sum(map(len, sql))):
        digest = hashlib.sha256()
        for chunk in sql:
            digest.update(chunk)
    with image.open("rb") as file:
        pages = list(iter(lambda: file.read(_PIECE), b""))
    archived = {}
    for form, chunks in ((Format.SQL, sql), (Format.SQLITE, pages)):
        for suffix, with_key in ((" and encrypt", key), ("", None)):
            path = folder / f"{form}{suffix}"
            with stages.stage(f"hash, compress{suffix} {form}", lambda chunks=chunks: sum(map(len, chunks))):  # type: ignore[misc]
                archived[path] = _archive(chunks, path, form, with_key)
    _restore(stages, archived, key)
    with stages.stage("load the SQL", sql_size):
        load_sql(iter(sql), folder / "loaded.sqlite")
    with stages.stage("check all of it", image_size):
        check_integrity(folder / "loaded.sqlite")
    _store(stages, folder, archived)
    return stages.found


def _archive(chunks: list[bytes], path: Path, form: Format, key: DataKey | None) -> Artifact:
    with ArtifactWriter(path, form, key, _NAME) as writer:
        for chunk in chunks:
            writer.write(chunk)
        return writer.finish()


def _restore(stages: Stages, archived: dict[Path, Artifact], key: DataKey) -> None:
    for path, artifact in archived.items():
        steps = "decrypt, decompress, hash" if artifact.encrypted else "decompress, hash"
        with (
            stages.stage(f"{steps} {artifact.format}", lambda artifact=artifact: artifact.plain_size_bytes),  # type: ignore[misc]
            path.open("rb") as raw,
        ):
            for _ in read_artifact(raw, artifact, key if artifact.encrypted else None, _NAME):
                pass


def _store(stages: Stages, folder: Path, archived: dict[Path, Artifact]) -> None:
    store = open_store(str(folder / "store"))
    for path, artifact in archived.items():
        if artifact.encrypted:
            continue
        with stages.stage(f"store {artifact.format}", lambda artifact=artifact: artifact.size_bytes):  # type: ignore[misc]
            store.create_from_file(artifact.object, path, int(artifact.crc32c, 16), {})


def _open(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
