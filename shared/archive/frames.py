"""Writes and reads independent zstd frames with a seek table, on several cores and in bounded memory.

The format is zstd's own: frames of RFC 8878, each with its content size and a checksum, followed by the seek table of
zstd's "seekable format" (contrib/seekable_format, version 0.1.0) as a skippable frame. `zstd -d` reads it.
"""

import os
import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local
from typing import NamedTuple

import zstandard

from shared.archive.damage import Damaged

FRAME = 4 << 20  # plain bytes of each frame but the last
THREADS = max(1, min(4, os.cpu_count() or 1))
# A shorter frame is the last one, often the only one of a small database or an increment: level 3, as its time does not
# matter. Whole frames take 15 to 45 % less CPU than level 3, and 3 % fewer to 5 % more bytes: zstd's strategy "fast" of
# level 2 with a table four times as large, and only for matches of 7 bytes, since a page has few useful shorter ones.
_LEVEL = 3
_WHOLE = zstandard.ZstdCompressionParameters.from_level(2, window_log=21, hash_log=17, min_match=7, write_checksum=1)
_WAITING = THREADS + 1  # frames in memory in addition to the one being filled or used

_SKIPPABLE = 0x184D2A5E
_SEEKABLE = 0x8F92EAB1
_MAGIC = b"\x28\xb5\x2f\xfd"
FRAME_HEADER = 14  # bytes of the largest frame header without a dictionary
_BLOCK = 128 << 10  # the most that a block holds, compressed or not (RFC 8878, 3.1.1.2.3)
_LARGEST = FRAME + FRAME // 16 + 1024  # the most stored bytes of one of our frames: raw blocks and their headers
_MOST_FRAMES = 1 << 24  # 64 TiB of plain bytes, more than any artifact


class FrameCompressor:
    """Compresses plain bytes into stored bytes, in order. Use it from one thread; `close` ends its worker threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="frames")
        self._filling = bytearray()
        self._made: deque[Future[bytes]] = deque()
        self._table: list[tuple[int, int]] = []  # stored and plain bytes of each frame
        self._sizes: deque[int] = deque()
        self._own = local()

    def compress(self, data: memoryview, /) -> bytes:
        """Adds plain bytes. Returns the stored bytes that are ready."""
        start = 0
        ready: list[bytes] = []
        while start < len(data):
            part = data[start : start + FRAME - len(self._filling)]
            self._filling += part
            start += len(part)
            if len(self._filling) == FRAME:
                self._submit()
                ready.extend(self._finished(_WAITING))
        return b"".join(ready)

    def flush(self) -> bytes:
        """Ends the last frame. Returns the remaining stored bytes with the seek table."""
        if self._filling or not (self._table or self._made):
            self._submit()
        rest = b"".join(self._finished(0))
        self.close()
        return rest + seek_table(self._table)

    def close(self) -> None:
        """Discards what is not compressed yet, and ends the threads. May be called twice."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        plain, self._filling = self._filling, bytearray()
        self._sizes.append(len(plain))
        self._made.append(self._pool.submit(self._one, plain))

    def _finished(self, may_wait: int) -> Iterator[bytes]:
        while len(self._made) > may_wait:
            frame = self._made.popleft().result()
            self._table.append((len(frame), self._sizes.popleft()))
            yield frame

    def _one(self, plain: bytearray) -> bytes:
        if len(plain) < FRAME:
            return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(plain)
        compressor = getattr(self._own, "compressor", None)
        if compressor is None:
            compressor = self._own.compressor = zstandard.ZstdCompressor(compression_params=_WHOLE)
        frame: bytes = compressor.compress(plain)
        return frame


def seek_table(frames: list[tuple[int, int]]) -> bytes:
    """Returns the skippable frame with the stored and plain size of each frame."""
    entries = b"".join(struct.pack("<II", stored, plain) for stored, plain in frames)
    footer = struct.pack("<IBI", len(frames), 0, _SEEKABLE)
    return struct.pack("<II", _SKIPPABLE, len(entries) + len(footer)) + entries + footer


def unframe(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the plain bytes of frames that end with their seek table. Raises Damaged if anything is missing or added.

    At most `_WAITING` frames are in memory, none larger than `FRAME`.
    """
    reader = _PieceReader(pieces)
    table: list[tuple[int, int]] = []
    with ThreadPoolExecutor(THREADS, thread_name_prefix="frames") as pool:
        waiting: deque[Future[bytes]] = deque()
        try:
            while reader.peek(4) == _MAGIC:
                frame = _next_frame(reader)
                table.append((len(frame.stored), frame.plain_size))
                if len(table) > _MOST_FRAMES:
                    raise Damaged("has more frames than any artifact")
                waiting.append(pool.submit(_open, frame))
                if len(waiting) > _WAITING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    expected = seek_table(table)
    if reader.take(len(expected)) != expected:
        raise Damaged("has a seek table that does not fit its frames")
    if reader.peek(1):
        raise Damaged("has bytes after its end")


def begins_framed(head: bytes) -> bool:
    """Returns whether a page image is in this format, by the beginning of its first frame: that has a content size."""
    try:
        return _frame_header(head)[1] is not None
    except Damaged:
        return False


class _Frame(NamedTuple):
    stored: bytes
    plain_size: int


def _open(frame: _Frame) -> bytes:
    try:
        plain = zstandard.ZstdDecompressor(max_window_size=2 * FRAME).decompress(
            frame.stored, max_output_size=frame.plain_size, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise Damaged("cannot be decompressed: its zstd stream is broken") from None
    if len(plain) != frame.plain_size:
        raise Damaged("cannot be decompressed: a frame has another size than its header says")
    return plain


def _next_frame(reader: "_PieceReader") -> _Frame:
    """Reads the stored bytes of the next frame: header, blocks, checksum (RFC 8878, 3.1.1)."""
    size, plain_size, has_checksum = _frame_header(reader.peek(FRAME_HEADER))
    if plain_size is None or plain_size > FRAME:
        raise Damaged("has a frame without a content size of 4 MiB or less, as no artifact has")
    parts, total, last = [reader.take(size)], size, False
    while not last:
        head = int.from_bytes(reader.peek(3), "little")
        last, kind, length = bool(head & 1), head >> 1 & 3, head >> 3
        stored = 3 + (1 if kind == 1 else length)  # a run-length block stores one byte
        total += stored
        if kind == 3 or length > _BLOCK or total > _LARGEST:
            raise Damaged("cannot be decompressed: its zstd stream is broken")
        parts.append(reader.take(stored))
    if has_checksum:
        parts.append(reader.take(4))
    return _Frame(b"".join(parts), plain_size)


def _frame_header(head: bytes) -> tuple[int, int | None, bool]:
    """Returns the size of the header, the content size if given, and whether a checksum follows the blocks."""
    if len(head) < 5 or head[:4] != _MAGIC:
        raise Damaged("cannot be decompressed: it is cut short")
    descriptor = head[4]
    single, dictionary = bool(descriptor & 0x20), descriptor & 3
    if dictionary or descriptor & 8:
        raise Damaged("cannot be decompressed: a frame needs a dictionary or has a reserved bit, as in no artifact")
    width = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    start = 5 if single else 6
    field = head[start : start + width]
    if len(field) != width:
        raise Damaged("cannot be decompressed: it is cut short")
    size = int.from_bytes(field, "little") + (256 if width == 2 else 0) if width else None
    return start + width, size, bool(descriptor & 4)


class _PieceReader:
    """Reads given numbers of bytes from pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """Returns the next `size` bytes, fewer at the end, without consuming them."""
        while len(self._held) - self._at < size and (piece := next(self._pieces, None)) is not None:
            self._held = self._held[self._at :] + piece
            self._at = 0
        return self._held[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Consumes and returns the next `size` bytes. Raises Damaged if fewer are left."""
        found = self.peek(size)
        if len(found) != size:
            raise Damaged("cannot be decompressed: it is cut short")
        self._at += size
        return found
