"""A lock for a database file: shared by statements, exclusive for a change of the file."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A shared/exclusive lock. Statements hold it shared; replacing or removing the file holds it alone."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._condition:
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._inside)
            yield
