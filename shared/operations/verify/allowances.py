"""What the work on a database or a dump may take, by its size: far more than any sound one needs.

A million rows of SQL load in seconds; a full-text index takes half a second of CPU time for each MB.
"""

from dataclasses import dataclass

from shared.runtime.limits import Limits

_MB = 1_000_000
_LONGEST_VALUE = 1_000_000_000  # SQLite's own limit; more than a few of them are never in memory at once


@dataclass(frozen=True)
class Allowances:
    """Each is a base, and so much more for a MB (of CPU time) or a byte."""

    cpu_seconds: float = 300
    cpu_seconds_per_mb: float = 2
    memory_bytes: int = 1 << 30
    memory_per_byte: int = 6
    file_bytes: int = (1 << 30) + (64 << 20)
    file_per_byte: int = 100

    def of(self, size: int) -> Limits:
        """For work on so many bytes."""
        return Limits(
            cpu_seconds=self.cpu_seconds + self.cpu_seconds_per_mb * size / _MB,
            memory_bytes=self.memory_bytes + self.memory_per_byte * min(size, _LONGEST_VALUE),
            file_bytes=self.file_bytes + self.file_per_byte * size,
        )


ALLOWED = Allowances()
