"""Notes about what a run has done so far, for the error line of an interrupted run.

A note belongs to a topic and replaces the earlier note on it. A signal may arrive right before or after an effect, so a
note can be a function that checks the actual state when the error line is written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Words = str | Callable[[], str]

_MOST = 8  # a run may go through many databases

_noted: dict[str, Words] = {}


def note(topic: str, words: Words) -> None:
    """Sets the note on a topic: a text, or a function that returns it."""
    _noted.pop(topic, None)  # so that the newest note comes last
    _noted[topic] = words


@contextmanager
def unsure(topic: str, during: str, after: str) -> Iterator[None]:
    """Notes `during` for a block with an effect, and `after` when it has ended without an error."""
    note(topic, during)
    yield
    note(topic, after)


def so_far() -> str:
    """Returns all notes in one line; an empty text if there are none."""
    texts = []
    for words in list(_noted.values()):
        with suppress(Exception):  # a state that cannot be checked must not hide the other notes
            texts.append(words if isinstance(words, str) else words())
    return "; ".join(texts if len(texts) <= _MOST else [f"{len(texts) - _MOST} more before these", *texts[-_MOST:]])
