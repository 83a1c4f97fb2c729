"""Writes one artifact: compresses and encrypts plain bytes into a file, and hashes both.

Compressors and Tink finish their streams whenever they are closed, also from a finaliser after an exception. Such a
stream would decrypt without an error although its end is missing. So the file accepts bytes only while `write` or
`finish` runs, and never again after a failure.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO, Protocol, Self

from isal import isal_zlib

from shared.archive.data_key import DataKey, artifact_context
from shared.archive.frames import FrameCompressor
from shared.archive.pipeline import write_all
from shared.archive.tally import StoredTally, Tally
from shared.errors import StoreError
from shared.model.manifest import Artifact
from shared.model.names import BackupName, Format

# ISA-L's level 3 takes 15 to 50 % more time than level 2, and its output is 1 to 2 % smaller: 1.02 to 1.053 times the
# size of that of `gzip -6`.
_GZIP_LEVEL = 3
_GZIP_MEMBER = 31  # zlib's code for a gzip header and trailer with a 32 KiB window
_PIECE = 1 << 20  # bytes compressed at a time, so that a huge chunk can be aborted half-way
_UNBOUND: Mapping[str, str] = MappingProxyType({})


class _Compressor(Protocol):
    def compress(self, data: memoryview, /) -> bytes: ...
    def flush(self) -> bytes: ...


def write_artifact(
    chunks: Iterable[bytes],
    path: Path,
    form: Format,
    data_key: DataKey | None,
    name: BackupName,
    binding: Mapping[str, str] = _UNBOUND,
) -> Artifact:
    """Writes all of `chunks` to a new file at `path` in a second thread; the calling thread produces the chunks.

    Errors of `chunks` are raised unchanged, those of the file as StoreError. No file is left then.
    """
    with ArtifactWriter(path, form, data_key, name, binding) as writer:
        write_all(writer.write, chunks)
        return writer.finish()


class ArtifactWriter:
    """Writes a new file at `path`, which must not exist. Use it from one thread at a time.

    `binding`: the fields that a ciphertext is bound to in addition to the backup's name (see `Manifest.binding`).

    Leaving the `with` block without `finish` removes the file.
    """

    def __init__(
        self,
        path: Path,
        form: Format,
        data_key: DataKey | None,
        name: BackupName,
        binding: Mapping[str, str] = _UNBOUND,
    ) -> None:
        self._path = path
        self._form = form
        self._object = name.artifact(form, encrypted=data_key is not None)
        self._plain = Tally()
        self._compressor = _compressor(form)
        self._ended = False
        with _staging_errors(path):
            self._stored = _StoredFile(path)
        try:
            self._stored.accepts = True
            self._out: BinaryIO | _StoredFile = (
                data_key.encrypting(self._stored, artifact_context(name, form, binding)) if data_key else self._stored
            )
        except BaseException:
            self._stored.discard()
            raise
        finally:
            self._stored.accepts = False

    def write(self, chunk: bytes) -> None:
        """Adds plain bytes. Raises StoreError if the file cannot be written."""
        with self._accepting():
            view = memoryview(chunk)
            for start in range(0, len(view), _PIECE):
                piece = view[start : start + _PIECE]
                self._plain.add(piece)
                self._put(self._compressor.compress(piece))

    def finish(self) -> Artifact:
        """Ends the streams, syncs the file, and returns its description. Raises StoreError."""
        with self._accepting():
            self._put(self._compressor.flush())
            self._out.close()
            self._stored.make_durable()
        self._ended = True
        return Artifact(
            format=self._form,
            object=self._object,
            size_bytes=self._stored.tally.size,
            sha256=self._stored.tally.sha256,
            crc32c=self._stored.tally.crc32c,
            plain_size_bytes=self._plain.size,
            plain_sha256=self._plain.sha256,
            encrypted=self._out is not self._stored,
        )

    def abort(self) -> None:
        """Removes the file. Does nothing after `finish` or when called again."""
        if self._ended:
            return
        self._ended = True
        self._stored.accepts = False
        if isinstance(self._compressor, FrameCompressor):
            self._compressor.close()
        self._stored.discard()
        with suppress(Exception):  # a failed stream raises again
            self._out.close()  # its output is discarded

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    @contextmanager
    def _accepting(self) -> Iterator[None]:
        """Lets the stored file accept bytes during the block. On an exception, aborts and raises the original error."""
        if self._ended:
            raise ValueError("this artifact is finished or aborted")
        with _staging_errors(self._path):
            try:
                self._stored.accepts = True
                yield
            except BaseException as error:
                self._stored.accepts = False
                cause = self._stored.error or error  # Tink replaces the file's exception with its own
                self.abort()
                if cause is error:
                    raise
                raise cause from None
            finally:
                self._stored.accepts = False

    def _put(self, compressed: bytes) -> None:
        if compressed:
            self._out.write(compressed)


class _StoredFile:
    """The file that stored bytes are written to, with their count and hashes.

    While `accepts` is false, writes are silently discarded, because they come from finalisers, where an exception would
    be useless. `close` does nothing, because Tink calls it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
        self.accepts = False
        self.error: BaseException | None = None
        self.tally = StoredTally()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:
        if not self.accepts:
            return len(data)
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except BaseException as error:
            self.accepts = False
            self.error = error
            raise
        self.tally.add(data)
        return len(data)

    def close(self) -> None:
        pass

    def make_durable(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Truncates the file before removing it, so that it has no content if it cannot be removed."""
        with suppress(OSError):
            if not self._file.closed:
                self._file.truncate(0)
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):  # the first error already reports the folder's problem
            self._path.unlink()


def _compressor(form: Format) -> _Compressor:
    if form == Format.SQL:
        return isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_MEMBER)
    return FrameCompressor()


@contextmanager
def _staging_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or error.__class__.__name__};"
            " free space or repair the folder, then start again"
        ) from None
