"""How an operation says how far it is, without knowing who listens."""

from collections.abc import Iterable, Iterator
from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` bytes of that stage; `total` is 0 when it cannot be known."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignores progress."""


def counted(pieces: Iterable[bytes], progress: Progress, stage: str, total: int = 0) -> Iterator[bytes]:
    """Yields the same pieces; after each was used, `progress` hears of all so far, never of more than a known total."""
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        progress(stage, min(done, total) if total else done, total)


class Cancelled(Exception):
    """Work beside this one has failed, and its error is the one that counts."""
