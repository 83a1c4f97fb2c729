"""Many statements at once, or one change of the file under them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A lock held shared by statements and alone by whoever swaps or removes a database file."""

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
