"""Limits for replies, by kind of command."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Most:
    """A limit in bytes received and in values. A parsed value takes about 300 bytes of memory."""

    size: int
    values: int


SHORT = Most(64 << 10, 100)  # OK, an error, one value, an array of numbers
FEW_ROWS = Most(1 << 20, 10_000)  # LIST INFO, counts
LISTING = Most(32 << 20, 500_000)  # of databases, settings or backups: 10,000 databases take 2 MB and 100,000 values
CONTENT = Most(256 << 20, 1_000_000)  # written by users, such as the text of triggers


def pages_of(page_size: int, count: int) -> Most:
    """Returns the limit for a step of a page copy: `count` pages, each with its offset, and some numbers."""
    return Most((page_size + 8) * count + 1024, 100)
