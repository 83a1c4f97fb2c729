"""The pipeline of two threads keeps the order, limits its queue, and always ends its thread."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.archive.pipeline import read_ahead, write_all
from shared.errors import NotGood, SourceError, StoreError

MIB = 1 << 20


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "litekeep-pipeline"]


ENDLESS = 60_000  # chunks, one every 10 ms


class Chunks:
    """CpuTimeExceeded chunks that count how many were produced and note whether they were closed."""

    def __init__(self, size: int = MIB, end: BaseException | int | None = None, after: int = 0) -> None:
        self.size, self.end, self.after = size, end, after
        self.made, self.closed = 0, False

    def __iter__(self) -> "Chunks":
        return self

    def __next__(self) -> bytes:
        if self.made >= self.after and self.end is not None:
            raise self.end if isinstance(self.end, BaseException) else StopIteration
        self.made += 1
        return bytes(self.size)

    def close(self) -> None:
        self.closed = True


chunk_lists = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 2 * MIB)).map(lambda p: bytes([p[0]]) * p[1]), max_size=12
)


@given(chunk_lists)
@settings(max_examples=30, deadline=None)
def test_all_chunks_arrive_in_order(chunks: list[bytes]) -> None:
    taken: list[bytes] = []
    write_all(taken.append, chunks)
    assert b"".join(taken) == b"".join(chunks)
    with read_ahead(chunks) as ahead:
        assert b"".join(ahead) == b"".join(chunks)


def test_small_chunks_are_batched() -> None:
    taken: list[bytes] = []
    write_all(taken.append, (b"0123456789" for _ in range(100_000)))
    assert b"".join(taken) == b"0123456789" * 100_000
    assert len(taken) < 10


def test_slow_writer_limits_the_queue() -> None:
    chunks = Chunks(end=0, after=100)
    ahead: list[int] = []

    def write(chunk: bytes) -> None:
        ahead.append(chunks.made - len(ahead))

    write_all(write, chunks)
    assert chunks.made == 100
    assert max(ahead) <= 11


def test_slow_reader_limits_the_queue() -> None:
    chunks = Chunks(end=0, after=100)
    with read_ahead(chunks) as ahead:
        for seen, _ in enumerate(ahead):
            assert chunks.made - seen <= 11
    assert chunks.made == 100


@pytest.mark.parametrize("after", [0, 1, 30])
def test_error_of_the_source_is_raised_unchanged(after: int) -> None:
    error = SourceError("gone")
    for use in (lambda c: write_all(lambda _: None, c), _read_all):
        chunks = Chunks(end=error, after=after)
        with pytest.raises(SourceError) as raised:
            use(chunks)
        assert raised.value is error
        assert chunks.closed


@pytest.mark.parametrize("after", [0, 1, 30])
def test_error_of_the_writer_is_raised_unchanged_and_stops_the_source(after: int) -> None:
    error = StoreError("full")
    written = 0

    def write(chunk: bytes) -> None:
        nonlocal written
        if written == after:
            raise error
        written += 1

    chunks = Chunks()
    with pytest.raises(StoreError) as raised:
        write_all(write, chunks)
    assert raised.value is error
    assert chunks.closed
    assert chunks.made < after + 20


def test_error_of_the_last_write_is_raised() -> None:
    def write(chunk: bytes) -> None:
        if chunk == b"last":
            raise StoreError("full")

    with pytest.raises(StoreError):
        write_all(write, [bytes(MIB), b"last"])


def test_reader_that_stops_early_stops_the_source() -> None:
    chunks = Chunks()

    def give_up() -> None:
        with read_ahead(chunks) as ahead:
            next(ahead)
            raise NotGood("enough")

    with pytest.raises(NotGood):
        give_up()
    assert chunks.closed
    assert chunks.made < 20


@pytest.mark.parametrize("reading", [True, False])
def test_ctrl_c_stops_both_threads(reading: bool) -> None:
    chunks = Chunks(end=1, after=ENDLESS)
    stopwatch = threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT))

    def slowly(_: bytes) -> None:
        time.sleep(0.01)

    def slow() -> Iterator[bytes]:
        for chunk in chunks:
            time.sleep(0.01)
            yield chunk

    stopwatch.start()
    with pytest.raises(KeyboardInterrupt):
        _read_all(slow()) if reading else write_all(slowly, chunks)
    stopwatch.join()
    assert chunks.made < ENDLESS


def test_ctrl_c_does_not_wait_for_a_huge_chunk() -> None:
    written = 0

    def write(chunk: bytes) -> None:
        nonlocal written
        written += len(chunk)
        if written == len(chunk):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        write_all(write, [bytes(200 * MIB)])
    assert written < 150 * MIB


def _read_all(chunks: object) -> None:
    with read_ahead(chunks) as ahead:  # type: ignore[arg-type]
        for _ in ahead:
            pass
