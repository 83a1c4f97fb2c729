"""A point's pages, and the hashes of its pages, made anew from its path.

The hashes are made step by step: those of the base, then each increment's over them, cut or lengthened to the pages
that the state had. The pages are put together newest first. What comes out must have the identity that the point's
manifest says, which is a hash of every page: however many increments lie between, it is what was there, byte for byte.
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
from shared.continuous.ahead import Ahead, artifact_of, fetched_ahead, opened
from shared.continuous.assembly import Assembly
from shared.continuous.index import Bytes, Head, State, entries_of, overlay, read_head, state_of, write_whole
from shared.continuous.path import Step, objects_of
from shared.errors import NotGood
from shared.model.names import Format
from shared.stores import Store

Tell = Callable[[int, int], None]  # bytes of pages done, and in all

_BATCH = 1 << 20  # bytes of pages that are put at once


def rebuild_state(store: Store, path: Sequence[Step], target: Path) -> State:
    """The page hashes of the last step's state, in the new file `target`. Raises NotGood or StoreError."""
    last, key = path[-1], b""
    wanted = [(step, Format.INDEX) for step in path]
    with _private(target) as hashes, fetched_ahead(store, wanted) as ahead:
        for step in path:
            with _index(ahead, step) as (head, stream):
                key = _same_key(key, head, step)
                if head.changes_only:
                    overlay(entries_of(head, stream), head.page_count, hashes)
                else:
                    write_whole(head, stream, hashes)
                    hashes.flush()
    state = state_of(target, last.manifest.sqlite.page_size, last.manifest.sqlite.page_count, key)
    if state.identity != last.chain.identity:
        raise NotGood(f"the page index of {last.manifest.id} is not that of its state: use another backup")
    return state


def rebuild_pages(store: Store, path: Sequence[Step], target: Path, tell: Tell = lambda _done, _all: None) -> None:
    """The database file of the last step's state, in the new file `target`, proven by its identity.

    The newest step comes first, and of the older ones only the pages that no newer one has: each page is written and
    hashed once. The base, which is the last to be used, is being read from the beginning.
    Raises NotGood when it cannot be that very state, StoreError for the store.
    """
    base, *increments = path
    hashes = target.with_name(f"{target.name}.hashes")
    wanted = [*objects_of(increments[::-1]), (base, Format.INDEX)]
    try:
        with (
            _private(target) as image,
            _private(hashes) as found,
            ThreadPoolExecutor(2, "hashes") as pool,
            fetched_ahead(store, wanted) as ahead,
            opened(store, base, Format.SQLITE) as plain,
            read_ahead(plain) as pieces,
        ):
            sqlite = path[-1].manifest.sqlite
            made = Assembly(image, found, sqlite.page_size, sqlite.page_count, pool)
            key = _put_all(made, path, ahead, Bytes(pieces), _Told(path, tell))
            prove_state(path[-1], made.state(hashes, key))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        hashes.unlink(missing_ok=True)


def prove_state(step: Step, state: State) -> None:
    """Raises NotGood when that is not the state that the backup was made of."""
    if state.identity != step.chain.identity:
        raise NotGood(
            f"{step.manifest.id} came back with other pages than were there: its identity differs; use another backup"
        )


class _Told:
    """Bytes of pages read, of all that the path holds."""

    def __init__(self, path: Sequence[Step], tell: Tell) -> None:
        pages = (Format.PAGES if step.chain.parent else Format.SQLITE for step in path)
        self._total = sum(artifact_of(step, form).plain_size_bytes for step, form in zip(path, pages, strict=True))
        self._tell, self._done = tell, 0

    def more(self, size: int) -> None:
        self._done += size
        self._tell(self._done, self._total)


def _put_all(made: Assembly, path: Sequence[Step], ahead: Ahead, base: Bytes, told: _Told) -> bytes:
    """Puts the pages of all steps; returns the key of their hashes, which is the same in all."""
    key = b""
    for step in reversed(path):
        with _index(ahead, step) as (head, index):
            key = _same_key(key, head, step)
            made.cut(head.page_count)
            if head.changes_only:
                _put_increment(made, ahead, step, (head, index), told)
            else:
                index.skip(head.size_of_entries)
                _put_base(made, step, head, base, told)
    return key


def _put_increment(made: Assembly, ahead: Ahead, step: Step, of: tuple[Head, Bytes], told: _Told) -> None:
    head, index = of
    at_once = max(1, _BATCH // head.page_size)
    entries = entries_of(head, index)
    with ahead.opened(step, Format.PAGES) as pieces:
        pages = Bytes(pieces)
        while numbers := [number for number, _ in islice(entries, at_once)]:
            made.put(numbers, pages.view(len(numbers) * head.page_size), head.key)
            told.more(len(numbers) * head.page_size)
        pages.end()


def _put_base(made: Assembly, step: Step, head: Head, pages: Bytes, told: _Told) -> None:
    first, size = 1, head.page_size
    try:
        for piece in pages.pieces(head.page_count * size):
            made.put(range(first, first + len(piece) // size), piece, head.key)
            first += len(piece) // size
            told.more(len(piece))
        pages.end()
    except Damaged:
        raise NotGood(
            f"the page image of {step.manifest.id} has another size than its index: use another backup"
        ) from None


@contextmanager
def _index(ahead: Ahead, step: Step) -> Iterator[tuple[Head, Bytes]]:
    """The index of a step, whose header is checked against the manifest, read to its end."""
    sqlite, chain = step.manifest.sqlite, step.chain
    with ahead.opened(step, Format.INDEX) as pieces:
        stream = Bytes(pieces)
        head = read_head(stream)
        entries = sqlite.page_count if chain.parent is None else chain.changed_pages
        said = (head.page_size, head.page_count, head.entries, head.changes_only)
        if said != (sqlite.page_size, sqlite.page_count, entries, chain.parent is not None):
            raise Damaged("is of another state than its manifest says")
        yield head, stream
        stream.end()


def _same_key(key: bytes, head: Head, step: Step) -> bytes:
    if key and key != head.key:
        raise NotGood(f"the page index of {step.manifest.id} is of another chain: use another backup")
    return head.key


@contextmanager
def _private(target: Path) -> Iterator[BinaryIO]:
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        yield file
