"""How an operation says how far it is, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` bytes of that stage; `total` is 0 when it cannot be known."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignores progress."""


class GivenUp(Exception):
    """Work beside this one has failed, and its error is the one that counts."""
