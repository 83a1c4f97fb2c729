"""What the reply to each kind of command may hold, by what the command can need."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Most:
    """Bytes as they come, and values: one takes some 300 bytes of memory once it is read."""

    size: int
    values: int


SHORT = Most(64 << 10, 100)  # OK, an error, one value, an array of numbers
FEW_ROWS = Most(1 << 20, 10_000)  # LIST INFO, counts
LISTING = Most(32 << 20, 500_000)  # of databases, settings or backups: 10,000 databases take 2 MB and 100,000 values
CONTENT = Most(256 << 20, 1_000_000)  # what users have written: the text of triggers


def pages_of(page_size: int, count: int) -> Most:
    """The reply to a step of a copy page by page: `count` pages, each with its offset, and some numbers."""
    return Most((page_size + 8) * count + 1024, 100)
