"""Rebuilds the pages of a point, or the hashes of its pages, from its path.

The hashes are built step by step: those of the base, then those of each increment over them, cut or extended to the
page count of the state. The pages are assembled newest first. The result must have the identity in the point's
manifest, which is a hash of every page; so it equals what was backed up, byte for byte.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from shared.archive.damage import Damaged
from shared.archive.pipeline import read_ahead
from shared.continuous.assembly import Assembly
from shared.continuous.index import Bytes, Head, State, entries_of, overlay, read_head, state_of, write_whole
from shared.continuous.path import Step, objects_of
from shared.continuous.prefetch import Prefetcher, artifact_of, opened, prefetched
from shared.errors import NotGood
from shared.model.names import Format
from shared.stores import Store

OnProgress = Callable[[int, int], None]  # called with the bytes of pages done and the total

_BATCH = 1 << 20  # bytes of pages that are written at once


def rebuild_state(store: Store, path: Sequence[Step], target: Path) -> State:
    """Writes the page hashes of the last step to the new file `target`. Raises NotGood or StoreError."""
    last, key = path[-1], b""
    wanted = [(step, Format.INDEX) for step in path]
    with _private(target) as hashes, prefetched(store, wanted) as prefetcher:
        for step in path:
            with _index(prefetcher, step) as (head, stream):
                key = _same_key(key, head, step)
                if head.changes_only:
                    overlay(entries_of(head, stream), head.page_count, hashes)
                else:
                    write_whole(head, stream, hashes)
                    hashes.flush()
    state = state_of(target, last.manifest.sqlite.page_size, last.manifest.sqlite.page_count, key)
    if state.identity != last.chain.identity:
        raise NotGood(f"the page index of {last.manifest.id} does not match its manifest: use another backup")
    return state


def rebuild_pages(
    store: Store, path: Sequence[Step], target: Path, on_progress: OnProgress = lambda _done, _all: None
) -> None:
    """Rebuilds the database of the last step as the new file `target`, and checks its identity.

    Steps are applied newest first, and from older steps only pages that no newer one has: each page is written and
    hashed once. Reading of the base, which is used last, starts at once.
    Raises NotGood if the identity differs, and StoreError if the store fails.
    """
    base, *increments = path
    hashes = target.with_name(f"{target.name}.hashes")
    wanted = [*objects_of(increments[::-1]), (base, Format.INDEX)]
    try:
        with (
            _private(target) as image,
            _private(hashes) as found,
            ThreadPoolExecutor(2, "hashes") as pool,
            prefetched(store, wanted) as prefetcher,
            opened(store, base, Format.SQLITE) as plain,
            read_ahead(plain) as pieces,
        ):
            sqlite = path[-1].manifest.sqlite
            made = Assembly(image, found, sqlite.page_size, sqlite.page_count, pool)
            key = _put_all(made, path, prefetcher, Bytes(pieces), _PageProgress(path, on_progress))
            prove_state(path[-1], made.state(hashes, key))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        hashes.unlink(missing_ok=True)


def prove_state(step: Step, state: State) -> None:
    """Raises NotGood if this is not the state that was backed up."""
    if state.identity != step.chain.identity:
        raise NotGood(f"the rebuilt pages of {step.manifest.id} differ from those backed up: use another backup")


class _PageProgress:
    """Reports the bytes of pages read, out of all on the path."""

    def __init__(self, path: Sequence[Step], on_progress: OnProgress) -> None:
        pages = (Format.PAGES if step.chain.parent else Format.SQLITE for step in path)
        self._total = sum(artifact_of(step, form).plain_size_bytes for step, form in zip(path, pages, strict=True))
        self._on_progress, self._done = on_progress, 0

    def more(self, size: int) -> None:
        self._done += size
        self._on_progress(self._done, self._total)


def _put_all(
    made: Assembly, path: Sequence[Step], prefetcher: Prefetcher, base: Bytes, progress: _PageProgress
) -> bytes:
    """Writes the pages of all steps. Returns the key of their hashes, which is the same in all."""
    key = b""
    for step in reversed(path):
        with _index(prefetcher, step) as (head, index):
            key = _same_key(key, head, step)
            made.cut(head.page_count)
            if head.changes_only:
                _put_increment(made, prefetcher, step, (head, index), progress)
            else:
                index.skip(head.size_of_entries)
                _put_base(made, step, head, base, progress)
    return key


def _put_increment(
    made: Assembly, prefetcher: Prefetcher, step: Step, of: tuple[Head, Bytes], progress: _PageProgress
) -> None:
    head, index = of
    at_once = max(1, _BATCH // head.page_size)
    entries = entries_of(head, index)
    with prefetcher.opened(step, Format.PAGES) as pieces:
        pages = Bytes(pieces)
        while numbers := [number for number, _ in islice(entries, at_once)]:
            made.put(numbers, pages.view(len(numbers) * head.page_size), head.key)
            progress.more(len(numbers) * head.page_size)
        pages.end()


def _put_base(made: Assembly, step: Step, head: Head, pages: Bytes, progress: _PageProgress) -> None:
    first, size = 1, head.page_size
    try:
        for piece in pages.pieces(head.page_count * size):
            made.put(range(first, first + len(piece) // size), piece, head.key)
            first += len(piece) // size
            progress.more(len(piece))
        pages.end()
    except Damaged:
        raise NotGood(
            f"the page image of {step.manifest.id} has another size than its index: use another backup"
        ) from None


@contextmanager
def _index(prefetcher: Prefetcher, step: Step) -> Iterator[tuple[Head, Bytes]]:
    """Yields the head of a step's index, checked against the manifest, and its entries. All of them must be read."""
    sqlite, chain = step.manifest.sqlite, step.chain
    with prefetcher.opened(step, Format.INDEX) as pieces:
        stream = Bytes(pieces)
        head = read_head(stream)
        entries = sqlite.page_count if chain.parent is None else chain.changed_pages
        found = (head.page_size, head.page_count, head.entries, head.changes_only)
        if found != (sqlite.page_size, sqlite.page_count, entries, chain.parent is not None):
            raise Damaged("does not match its manifest")
        yield head, stream
        stream.end()


def _same_key(key: bytes, head: Head, step: Step) -> bytes:
    if key and key != head.key:
        raise NotGood(f"the page index of {step.manifest.id} is from another chain: use another backup")
    return head.key


@contextmanager
def _private(target: Path) -> Iterator[BinaryIO]:
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        yield file
