"""Proves each artifact of a backup, from its stored bytes to the contents of the database rebuilt from it.

Both artifacts are proven at once if there are two processors and enough memory and disk; otherwise one after the other.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO, cast

from shared.archive.data_key import DataKey
from shared.archive.pipeline import read_ahead
from shared.archive.reader import check_stored, read_artifact
from shared.errors import NotGood, ObjectMissing
from shared.model.manifest import Artifact, Manifest
from shared.model.names import Format
from shared.operations.verify.child import INSIDE, prove
from shared.operations.verify.rebuild import watched, write_database
from shared.operations.verify.rungs import Rungs, SourceErrors
from shared.runtime.confined import Confined
from shared.runtime.disk import KEPT_FREE, free_bytes
from shared.runtime.memory import free_memory
from shared.runtime.progress import Cancelled, Progress
from shared.runtime.workspace import scratch_folder
from shared.stores import Store
from shared.text import count

_OPENS = {Format.SQL: "sql", Format.SQLITE: "image"}
_PROCESSES = 256 << 20  # bytes of memory that two climbs take, independent of the size of the database
_SIGNAL_CHECK_INTERVAL = 0.2  # seconds between checks for a signal, which the system may deliver to the other thread


def climb_artifacts(
    store: Store, manifest: Manifest, data_key: DataKey | None, rungs: Rungs, progress: Progress
) -> None:
    """Adds the verdicts to `rungs`, those of the page image first. Raises StoreError, KeyProblem or SourceError."""
    artifacts = sorted(manifest.artifacts, key=lambda artifact: artifact.format is not Format.SQLITE)
    with scratch_folder() as scratch:
        climbs = [_Climb(store, manifest, artifact, data_key, scratch) for artifact in artifacts]
        if len(climbs) == 2 and _has_room_for_both(manifest, scratch):
            image, sql = climbs
            for found in _both(image, sql, progress):
                rungs.take(found)
            return
        for climb in climbs:
            with Confined(INSIDE) as child:
                rungs.take(climb(child, progress))


def _has_room_for_both(manifest: Manifest, scratch: Path) -> bool:
    """Returns whether memory and disk suffice to prove both artifacts at once.

    The files count as memory too: a container's disk is memory, and elsewhere the page cache should hold them.
    """
    its = manifest.sqlite
    files = 2 * its.page_size * its.page_count + sum(artifact.size_bytes for artifact in manifest.artifacts)
    memory = free_memory()
    return (
        (os.cpu_count() or 1) > 1
        and memory is not None
        and memory > files + _PROCESSES
        and free_bytes(scratch) > files + KEPT_FREE
    )


def _both(image: "_Climb", sql: "_Climb", progress: Progress) -> list[Rungs]:
    """Proves SQL, which takes longer, in this thread, which receives signals. An exception in one climb ends both."""
    cancelled = Event()

    def cancellable(stage: str, done: int, total: int) -> None:
        if cancelled.is_set():
            raise Cancelled
        progress(stage, done, total)

    with Confined(INSIDE) as child, _beside(image, cancellable, cancelled) as beside:
        try:
            found = sql(child, cancellable)
        except Cancelled:
            beside.result()  # raises the reason
            raise
        while not wait([beside], timeout=_SIGNAL_CHECK_INTERVAL).done:
            pass
        return [beside.result(), found]


@contextmanager
def _beside(climb: "_Climb", progress: Progress, cancelled: Event) -> Iterator["Future[Rungs]"]:
    """Runs the climb in another thread during the block, and aborts it if the block raises."""

    def run(child: Confined) -> Rungs:
        try:
            return climb(child, progress)
        except BaseException:
            cancelled.set()
            raise

    with Confined(INSIDE) as child, ThreadPoolExecutor(1, thread_name_prefix="climb") as pool:
        try:
            yield pool.submit(run, child)
        except BaseException:
            cancelled.set()
            child.end()
            raise


@dataclass(frozen=True)
class _Climb:
    """The checks of one artifact, up to the first that fails."""

    store: Store
    manifest: Manifest
    artifact: Artifact
    data_key: DataKey | None
    scratch: Path

    def __call__(self, child: Confined, progress: Progress) -> Rungs:
        rungs = Rungs()
        form = self.artifact.format
        target = self.scratch / f"{form}.sqlite"
        if self._fetched(rungs, progress) and self._rebuilt(rungs, target, child, progress):
            self._prove(rungs, target, child, progress)
        target.unlink(missing_ok=True)
        return rungs

    @property
    def _stored(self) -> Path:
        return self.scratch / f"{self.artifact.format}.stored"

    def _fetched(self, rungs: Rungs, progress: Progress) -> bool:
        artifact = self.artifact
        try:
            with self.store.open(artifact.object) as stream, self._stored.open("xb") as file:
                check_stored(cast("BinaryIO", _KeptBytes(stream, file, artifact, progress)), artifact)
        except ObjectMissing:
            return rungs.add("checksum", ok=False, detail=f"{artifact.object} is missing; use another backup")
        except NotGood as error:
            return rungs.add("checksum", ok=False, detail=str(error))
        return rungs.add(
            "checksum", ok=True, detail=f"{artifact.format}: {count(artifact.size_bytes, 'byte')} as recorded"
        )

    def _rebuilt(self, rungs: Rungs, target: Path, child: Confined, progress: Progress) -> bool:
        artifact = self.artifact
        with self._stored.open("rb") as stream:
            source = SourceErrors(read_artifact(stream, artifact, self.data_key, self.manifest.name))
            try:
                with read_ahead(source) as plain:
                    write_database(artifact.format, watched(plain, artifact, progress), self.manifest, target, child)
            except NotGood as error:
                return rungs.add("decrypt" if source.error else _OPENS[artifact.format], ok=False, detail=str(error))
        self._stored.unlink()
        detail = f"{artifact.format}: {count(artifact.plain_size_bytes, 'plain byte')} as recorded"
        return rungs.add("decrypt", ok=True, detail=detail)

    def _prove(self, rungs: Rungs, target: Path, child: Confined, progress: Progress) -> None:
        form = self.artifact.format
        try:
            proof = prove(child, target, self.manifest, form, progress=progress)
        except NotGood as error:
            rungs.add(_OPENS[form], ok=False, detail=f"{form}: {error}")
            return
        if form is Format.SQLITE:
            rungs.image = proof
        rungs.add(_OPENS[form], ok=True, detail="the dump loads" if form is Format.SQL else "the page image opens")
        for check in proof.checks:
            rungs.add(check.name, ok=check.ok, detail=check.detail)


class _KeptBytes:
    """A stream of stored bytes that also writes them to a file for the next rung and reports progress."""

    def __init__(self, stream: BinaryIO, file: BinaryIO, artifact: Artifact, progress: Progress) -> None:
        self._stream = stream
        self._file = file
        self._artifact = artifact
        self._progress = progress
        self._done = 0

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._file.write(piece)
        self._done += len(piece)
        total = self._artifact.size_bytes
        self._progress(f"fetch {self._artifact.format}", min(self._done, total), total)
        return piece
