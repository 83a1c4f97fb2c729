"""gzip and zstd, decoded in steps of bounded output, so that a bomb costs time and not memory.

An SQL artifact is exactly one gzip member, a page image a row of zstd frames. Files of others may be several in a row.
"""

import zlib
from collections.abc import Iterator
from itertools import chain

import zstandard
from isal import igzip_lib

from shared.archive.damage import Damaged
from shared.archive.frames import FRAME_HEADER, begins_framed, unframe

PIECE = 64 << 10  # bytes of compressed input that callers best hand over at a time
_STEP = 1 << 20  # bytes of output at a time

# zstd's decoder takes no limit on its output, but its input has one: four bytes, a run-length block,
# make at most 128 KiB (RFC 8878, 3.1.1.2), so this much input makes at most 16 MiB.
_ZSTD_INPUT = 512

_OUR_WINDOW = 8 << 20  # bytes of history that a frame of ours may ask for
_ANY_WINDOW = 128 << 20  # what the stock `zstd -d` allows

_ISAL_ERROR: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub is wrong
_GZIP_MEMBER = 31  # zlib's way to ask for a gzip header and trailer

_AFTER = "has bytes after its end"
_CUT = "cannot be decompressed: it is cut short"
_BROKEN_GZIP = "cannot be decompressed: its gzip stream is broken"
_BROKEN_ZSTD = "cannot be decompressed: its zstd stream is broken"


def gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes one gzip member. Raises Damaged for anything less or more, also for bytes after its end."""
    decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    for piece in pieces:
        if decoder.eof and piece:
            raise Damaged(_AFTER)
        yield from _inflate(decoder, piece)
        if decoder.unused_data:
            raise Damaged(_AFTER)
    if not decoder.eof:
        raise Damaged(_CUT)


def gunzip_any(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes a row of gzip members, padded with zeros or not, as the stock tool does. Raises Damaged.

    Through zlib: ISA-L 2.31 misreads a header with a checksum, or a name and a comment, that comes in two pieces.
    """
    decoder = zlib.decompressobj(_GZIP_MEMBER)
    for given in pieces:
        piece = given
        while piece:
            if decoder.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                decoder = zlib.decompressobj(_GZIP_MEMBER)
            try:
                plain = decoder.decompress(piece, _STEP)
            except zlib.error:
                raise Damaged(_BROKEN_GZIP) from None
            if plain:
                yield plain
            piece = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    if not decoder.eof:
        raise Damaged(_CUT)


def unzstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes a page image: a row of frames with its seek table or, of earlier versions, one frame.

    Raises Damaged as `gunzip` does, also for a window that none of ours has.
    """
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= FRAME_HEADER:
            break
    whole = chain([head], pieces)
    yield from unframe(whole) if begins_framed(head) else _one_frame(whole)


def _one_frame(pieces: Iterator[bytes]) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=_OUR_WINDOW).decompressobj()
    for part in _small(pieces):
        if decoder.eof:
            raise Damaged(_AFTER)
        yield from _unpack(decoder, part)
        if decoder.unused_data:
            raise Damaged(_AFTER)
    if not decoder.eof:
        raise Damaged(_CUT)


def unzstd_any(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes a row of zstd frames, skippable ones among them. Raises Damaged."""
    frames = zstandard.ZstdDecompressor(max_window_size=_ANY_WINDOW)
    decoder = frames.decompressobj()
    for given in _small(pieces):
        part = given
        while part:
            if decoder.eof:
                decoder = frames.decompressobj()
            yield from _unpack(decoder, part)
            part = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise Damaged(_CUT)


def _inflate(decoder: igzip_lib.IgzipDecompressor, piece: bytes) -> Iterator[bytes]:
    while not decoder.eof:
        try:
            plain = decoder.decompress(piece, _STEP)
        except _ISAL_ERROR:
            raise Damaged(_BROKEN_GZIP) from None
        if plain:
            yield plain
        if decoder.needs_input:
            return
        piece = b""


def _unpack(decoder: "zstandard.ZstdDecompressionObj", part: bytes) -> Iterator[bytes]:
    try:
        plain = decoder.decompress(part)
    except zstandard.ZstdError:
        raise Damaged(_BROKEN_ZSTD) from None
    if plain:
        yield plain


def _small(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _ZSTD_INPUT):
            yield piece[start : start + _ZSTD_INPUT]
