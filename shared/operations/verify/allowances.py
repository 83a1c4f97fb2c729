"""Resource limits for work on a database or a dump, by its size. They are far above what a sound one needs.

For scale: a million rows of SQL load in seconds; a full-text index takes half a second of CPU time per MB.
"""

from dataclasses import dataclass

from shared.runtime.limits import Limits

_MB = 1_000_000
_LONGEST_VALUE = 1_000_000_000  # SQLite's own limit; only a few such values are in memory at once


@dataclass(frozen=True)
class Allowances:
    """Each limit is a base plus an amount per MB (CPU time) or per byte (memory and file size)."""

    cpu_seconds: float = 300
    cpu_seconds_per_mb: float = 2
    memory_bytes: int = 1 << 30
    memory_per_byte: int = 6
    file_bytes: int = (1 << 30) + (64 << 20)
    file_per_byte: int = 100

    def of(self, size: int) -> Limits:
        """Returns the limits for work on `size` bytes."""
        return Limits(
            cpu_seconds=self.cpu_seconds + self.cpu_seconds_per_mb * size / _MB,
            memory_bytes=self.memory_bytes + self.memory_per_byte * min(size, _LONGEST_VALUE),
            file_bytes=self.file_bytes + self.file_per_byte * size,
        )


ALLOWED = Allowances()
