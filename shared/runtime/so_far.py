"""What an interrupted run has already done, in words, for the error line.

A run notes it by topic, and of a topic the newest note counts. Between two steps of a program a signal may arrive, so
that what only the effect itself can tell is noted as a function, which is asked when it is needed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Words = str | Callable[[], str]

_MOST = 8  # a run may go through many databases

_noted: dict[str, Words] = {}


def note(topic: str, words: Words) -> None:
    """From now on that is what is to be said of that topic."""
    _noted.pop(topic, None)  # the newest comes last
    _noted[topic] = words


@contextmanager
def unsure(topic: str, during: str, after: str) -> Iterator[None]:
    """Notes `during` for the block, whose effect may or may not have come when it is left early, and then `after`."""
    note(topic, during)
    yield
    note(topic, after)


def so_far() -> str:
    """All that was noted, in a line; nothing when nothing was."""
    said = []
    for words in list(_noted.values()):
        with suppress(Exception):  # what cannot be asked any more is not known, and the rest is
            said.append(words if isinstance(words, str) else words())
    return "; ".join(said if len(said) <= _MOST else [f"{len(said) - _MOST} more before these", *said[-_MOST:]])
