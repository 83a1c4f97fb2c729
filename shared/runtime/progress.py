"""Progress callbacks: `(stage, done, total)`."""

from collections.abc import Iterable, Iterator
from typing import Protocol


class Progress(Protocol):
    """A progress callback."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Reports that `done` of `total` bytes of a stage are done; `total` is 0 if unknown."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignores progress."""


def counted(pieces: Iterable[bytes], progress: Progress, stage: str, total: int = 0) -> Iterator[bytes]:
    """Yields the pieces, and reports the bytes so far after each one was used, never more than a known total."""
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        progress(stage, min(done, total) if total else done, total)


class Cancelled(Exception):
    """This work was stopped because work in parallel has failed. The error of that work is the one to report."""
