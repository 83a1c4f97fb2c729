"""Two threads for one stream of chunks: one makes them, the other takes them, a few MiB between them.

SQLite, ISA-L, zstd and SHA-256 release Python's lock while they work, so this uses two cores.
Both ends wait on nothing but `SimpleQueue.get`, which a signal can interrupt without breaking it, and
never for long: a signal that another thread of the process was given is noticed all the same.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

_BETWEEN = 8 << 20  # bytes that may wait; a larger chunk waits alone
_PARCEL = 256 << 10  # small chunks are handed over together
_SLICE = 1 << 20
_GLANCE = 0.2  # seconds

Item = TypeVar("Item")


def write_all(write: Callable[[bytes], None], chunks: Iterable[bytes]) -> None:
    """Makes `chunks` in this thread and calls `write` with them, in order, in another.

    An error of either side stops both and is raised as it is; so is Ctrl-C. When this returns or
    raises the other thread is gone, and `chunks` is closed.
    """
    work: SimpleQueue[bytes | None] = SimpleQueue()
    done: SimpleQueue[int | BaseException] = SimpleQueue()
    given_up = threading.Event()

    def take() -> None:
        try:
            while (chunk := work.get()) is not None:
                for start in range(0, len(chunk), _SLICE):
                    if given_up.is_set():
                        return
                    write(chunk[start : start + _SLICE] if len(chunk) > _SLICE else chunk)
                done.put(len(chunk))
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits for this one
            done.put(error)

    with _thread(take, given_up, wake=lambda: work.put(None)) as thread:
        waiting = 0
        for parcel in _parcels(chunks):
            waiting += len(parcel)
            work.put(parcel)
            waiting -= _settled(done, waiting)
        work.put(None)
        _await(thread)
        _settled(done, 0)


@contextmanager
def read_ahead(chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """The same chunks, made in another thread while this one uses those before.

    `with read_ahead(chunks) as ahead: for chunk in ahead: …`; what making them raises is
    raised where they are used. After the block the thread is gone, and `chunks` is closed.
    """
    made: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
    used: SimpleQueue[int] = SimpleQueue()
    given_up = threading.Event()

    def make() -> None:
        waiting = 0
        try:
            for parcel in _parcels(chunks):
                made.put(parcel)
                waiting += len(parcel)
                while waiting > _BETWEEN and not given_up.is_set():
                    waiting -= used.get()
                if given_up.is_set():
                    return
            made.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that uses the chunks
            made.put(error)

    def ahead() -> Iterator[bytes]:
        while (item := _patiently(made)) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            used.put(len(item))

    with _thread(make, given_up, wake=lambda: used.put(0)):
        yield ahead()


@contextmanager
def _thread(
    work: Callable[[], None], given_up: threading.Event, wake: Callable[[], None]
) -> Iterator[threading.Thread]:
    """Runs `work` beside the block; when the block is left, however, it is told to stop, and awaited."""
    thread = threading.Thread(target=work, name="litekeep-pipeline", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        given_up.set()
        wake()
        _await(thread)


def _settled(done: "SimpleQueue[int | BaseException]", waiting: int) -> int:
    """Bytes that were taken; waits until few enough are left. Raises what the other thread raised."""
    settled = 0
    while True:
        try:
            item = _patiently(done) if waiting - settled > _BETWEEN else done.get_nowait()
        except Empty:
            return settled
        if isinstance(item, BaseException):
            raise item
        settled += item


def _patiently(queue: "SimpleQueue[Item]") -> Item:
    while True:
        with suppress(Empty):
            return queue.get(timeout=_GLANCE)


def _await(thread: threading.Thread) -> None:
    while thread.is_alive():
        thread.join(_GLANCE)


def _parcels(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, small ones joined. Closes them, if they can be closed, in the thread that used them."""
    parcel: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            parcel.append(chunk)
            size += len(chunk)
            if size >= _PARCEL:
                yield parcel[0] if len(parcel) == 1 else b"".join(parcel)
                parcel, size = [], 0
        if size:
            yield b"".join(parcel)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
