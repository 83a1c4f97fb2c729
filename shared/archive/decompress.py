"""Decodes gzip and zstd in steps of bounded output, so that a decompression bomb costs time but not memory.

An SQL artifact is exactly one gzip member, a page image a sequence of zstd frames. Other files may have several members
or frames.
"""

import zlib
from collections.abc import Iterator
from itertools import chain

import zstandard
from isal import igzip_lib

from shared.archive.damage import Damaged
from shared.archive.frames import FRAME_HEADER, begins_framed, unframe

PIECE = 64 << 10  # bytes of compressed input that callers should pass at a time
_STEP = 1 << 20  # bytes of output at a time

# zstd's decoder cannot limit its output, so the input is limited: four bytes, a run-length block, give at most 128 KiB
# (RFC 8878, 3.1.1.2), so this much input gives at most 16 MiB.
_ZSTD_INPUT = 512

_OUR_WINDOW = 8 << 20  # the most bytes of history that our frames need
_ANY_WINDOW = 128 << 20  # the limit of the stock `zstd -d`

_ISAL_ERROR: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub is wrong
_GZIP_MEMBER = 31  # zlib's code for a gzip header and trailer

_AFTER = "has bytes after its end"
_CUT = "cannot be decompressed: it is cut short"
_BROKEN_GZIP = "cannot be decompressed: its gzip stream is broken"
_BROKEN_ZSTD = "cannot be decompressed: its zstd stream is broken"


def gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes exactly one gzip member. Raises Damaged if it is broken, incomplete, or followed by more bytes."""
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
    """Decodes one or more gzip members, with or without zero padding, as the stock tool does. Raises Damaged.

    Uses zlib: ISA-L 2.31 misreads a header with a checksum, or a name and a comment, that is split between two pieces.
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
    """Decodes a page image: frames with a seek table or, from earlier versions, one frame.

    Raises Damaged as `gunzip` does, and for a window that is larger than ours.
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
    """Decodes one or more zstd frames, also skippable ones. Raises Damaged."""
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
