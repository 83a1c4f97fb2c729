"""Reads an artifact and checks it against its manifest."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from shared.archive.damage import Damaged
from shared.archive.decompress import PIECE, gunzip, unzstd
from shared.archive.plain_files import open_compressed
from shared.archive.tally import StoredTally, Tally
from shared.errors import KeyProblem, NotGood
from shared.model.manifest import Artifact
from shared.model.names import BackupName, Format
from shared.text import count

if TYPE_CHECKING:
    from shared.archive.data_key import DataKey

__all__ = ["check_stored", "open_compressed", "read_artifact"]

_STORED_PIECE = 1 << 20
_UNBOUND: Mapping[str, str] = MappingProxyType({})


def read_artifact(
    raw: BinaryIO,
    artifact: Artifact,
    data_key: "DataKey | None",
    name: BackupName,
    binding: Mapping[str, str] = _UNBOUND,
) -> Iterator[bytes]:
    """Yields the plain bytes of a stored artifact, in chunks of at most 16 MiB.

    `binding`: the fields that the artifact is bound to in addition to its name (see `Manifest.binding`).

    The bytes are provisional until the iterator has ended: only then is it certain that none are missing. Write them
    only to a place that can be discarded.
    Raises NotGood if the bytes are not those that were backed up, KeyProblem without the key.
    """
    try:
        yield from _checked(raw, artifact, data_key, name, binding)
    except Damaged as damage:
        raise _not_good(artifact, damage) from None


def check_stored(raw: BinaryIO, artifact: Artifact) -> None:
    """Checks the stored bytes against their size, SHA-256 and CRC32C, without decoding them. Raises NotGood."""
    try:
        _StoredBytes(raw, artifact).check_whole()
    except Damaged as damage:
        raise _not_good(artifact, damage) from None


def _checked(
    raw: BinaryIO, artifact: Artifact, data_key: "DataKey | None", name: BackupName, binding: Mapping[str, str]
) -> Iterator[bytes]:
    """Yields the plain bytes, checked against the manifest. Raises Damaged."""
    stored, plain = _StoredBytes(raw, artifact), Tally()
    for chunk in _decompressed(stored, artifact, data_key, name, binding):
        plain.add(chunk)
        if plain.size > artifact.plain_size_bytes:
            raise Damaged(f"holds more than the {artifact.plain_size_bytes} bytes that were backed up")
        yield chunk
    stored.check_whole()
    if plain.size != artifact.plain_size_bytes:
        raise Damaged(f"holds {count(plain.size, 'byte')} instead of {artifact.plain_size_bytes}")
    if plain.sha256 != artifact.plain_sha256:
        raise Damaged("holds other bytes than were backed up: their SHA-256 differs")


def _decompressed(
    stored: "_StoredBytes",
    artifact: Artifact,
    data_key: "DataKey | None",
    name: BackupName,
    binding: Mapping[str, str],
) -> Iterator[bytes]:
    """Returns an iterator over the decrypted and decompressed bytes. Raises Damaged, and KeyProblem without the key."""
    if artifact.object != name.artifact(artifact.format, encrypted=artifact.encrypted):
        raise Damaged(f"is not an artifact of backup {name.id}")
    if artifact.encrypted:
        if data_key is None:
            raise KeyProblem(f"{artifact.object} is encrypted: set BACKUP_KEY to the key that wrapped it")
        compressed = data_key.decrypted_artifact(stored, name, artifact.format, binding)
    else:
        if data_key is not None:
            raise Damaged("is not encrypted though its backup is")
        compressed = iter(lambda: stored.read(PIECE), b"")
    return gunzip(compressed) if artifact.format == Format.SQL else unzstd(compressed)


class _StoredBytes:
    """Reads stored bytes, counts and hashes them, and stops after the size in the manifest."""

    def __init__(self, raw: BinaryIO, artifact: Artifact) -> None:
        self._raw = raw
        self._artifact = artifact
        self._tally = StoredTally()
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """Does nothing, because Tink's finalisers call it: the caller closes the raw stream."""

    def read(self, size: int, /) -> bytes:
        try:
            return self._take(size)
        except BaseException as error:
            self.failure = error
            raise

    def _take(self, size: int) -> bytes:
        piece = self._raw.read(size)
        self._tally.add(piece)
        if self._tally.size > self._artifact.size_bytes:
            raise Damaged(f"is larger than the {self._artifact.size_bytes} bytes that were stored")
        return piece

    def check_whole(self) -> None:
        """Reads the rest and compares sizes and hashes. Raises Damaged."""
        while self.read(_STORED_PIECE):
            pass
        if self._tally.size != self._artifact.size_bytes:
            raise Damaged(f"has {count(self._tally.size, 'byte')} instead of {self._artifact.size_bytes}")
        if self._tally.sha256 != self._artifact.sha256:
            raise Damaged("was changed: its SHA-256 differs")
        if self._tally.crc32c != self._artifact.crc32c:
            raise Damaged("has another CRC32C than its manifest records")


def _not_good(artifact: Artifact, damage: Damaged) -> NotGood:
    return NotGood(f"{artifact.object} {damage}; use another backup")
