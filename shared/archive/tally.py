"""Counts and hashes bytes of a stream."""

import hashlib

import google_crc32c


class Tally:
    """The number of bytes, and their SHA-256 as 64 hex digits."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def add(self, piece: bytes | memoryview) -> None:
        self.size += len(piece)
        self._sha256.update(piece)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


class StoredTally(Tally):
    """Adds the CRC32C, as 8 hex digits in big-endian order, as Cloud Storage uses it."""

    def __init__(self) -> None:
        super().__init__()
        self._crc32c = 0

    def add(self, piece: bytes | memoryview) -> None:
        super().add(piece)
        self._crc32c = google_crc32c.extend(self._crc32c, bytes(piece))

    @property
    def crc32c(self) -> str:
        return f"{self._crc32c:08x}"
