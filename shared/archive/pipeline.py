"""Produces and consumes a stream of chunks in two threads, with a queue of a few MiB between them.

SQLite, ISA-L, zstd and SHA-256 release Python's lock while they work, so this uses two cores.
Both ends only wait in `SimpleQueue.get`, which a signal can interrupt safely, and only for short times, so that the
main thread handles a signal that was delivered to another thread.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

_QUEUE_BYTES = 8 << 20  # the most that may be queued; a larger chunk is queued alone
_BATCH_BYTES = 256 << 10  # small chunks are queued together
_SLICE = 1 << 20
_POLL_SECONDS = 0.2

Item = TypeVar("Item")


def write_all(write: Callable[[bytes], None], chunks: Iterable[bytes]) -> None:
    """Iterates over `chunks` in this thread and calls `write` with them, in order, in another.

    An error of either side, or Ctrl-C, stops both and is raised unchanged. On return or error the other thread has
    ended, and `chunks` is closed.
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
        queued = 0
        for batch in _batches(chunks):
            queued += len(batch)
            work.put(batch)
            queued -= _acknowledged(done, queued)
        work.put(None)
        _join(thread)
        _acknowledged(done, 0)


@contextmanager
def read_ahead(chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """Yields an iterator over the same chunks, which are produced ahead in another thread.

    `with read_ahead(chunks) as ahead: for chunk in ahead: …`. Errors of `chunks` are raised where they are consumed.
    After the block the thread has ended, and `chunks` is closed.
    """
    made: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
    used: SimpleQueue[int] = SimpleQueue()
    given_up = threading.Event()

    def make() -> None:
        queued = 0
        try:
            for batch in _batches(chunks):
                made.put(batch)
                queued += len(batch)
                while queued > _QUEUE_BYTES and not given_up.is_set():
                    queued -= used.get()
                if given_up.is_set():
                    return
            made.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that uses the chunks
            made.put(error)

    def ahead() -> Iterator[bytes]:
        while (item := _get(made)) is not None:
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
    """Runs `work` in a thread during the block. Leaving the block stops the thread and joins it."""
    thread = threading.Thread(target=work, name="litekeep-pipeline", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        given_up.set()
        wake()
        _join(thread)


def _acknowledged(done: "SimpleQueue[int | BaseException]", queued: int) -> int:
    """Waits until the queue has room. Returns the bytes that were consumed, or raises the other thread's error."""
    consumed = 0
    while True:
        try:
            item = _get(done) if queued - consumed > _QUEUE_BYTES else done.get_nowait()
        except Empty:
            return consumed
        if isinstance(item, BaseException):
            raise item
        consumed += item


def _get(queue: "SimpleQueue[Item]") -> Item:
    while True:
        with suppress(Empty):
            return queue.get(timeout=_POLL_SECONDS)


def _join(thread: threading.Thread) -> None:
    while thread.is_alive():
        thread.join(_POLL_SECONDS)


def _batches(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the chunks, with small ones joined. Closes `chunks`, if possible, in the thread that iterated over it."""
    batch: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            batch.append(chunk)
            size += len(chunk)
            if size >= _BATCH_BYTES:
                yield batch[0] if len(batch) == 1 else b"".join(batch)
                batch, size = [], 0
        if size:
            yield b"".join(batch)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
