"""What is known of bytes that have passed by."""

import hashlib

import google_crc32c


class Tally:
    """Their length, and their SHA-256 as 64 hex digits."""

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
    """Their CRC32C too, as 8 hex digits, the most significant first: the one that Cloud Storage knows."""

    def __init__(self) -> None:
        super().__init__()
        self._crc32c = 0

    def add(self, piece: bytes | memoryview) -> None:
        super().add(piece)
        self._crc32c = google_crc32c.extend(self._crc32c, bytes(piece))

    @property
    def crc32c(self) -> str:
        return f"{self._crc32c:08x}"
