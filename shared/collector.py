"""Python's garbage collector, and when it only costs time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def all_of_it_stays() -> Iterator[None]:
    """For a block whose many values all stay: ten thousand backups are a million of them.

    Looking through these for garbage takes a fifth of the time and finds none. So nothing is collected in the block,
    and later collections pass over what there is at its end, which is freed all the same with its last reference.
    Not for a server: what is garbage in a cycle by then stays, each time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
