"""A point's pages, and the hashes of its pages, made anew from its path.

Both are made step by step: the base, then each increment over it, oldest first, cut or lengthened to the pages that
the state had. What comes out must have the identity that the point's manifest says, which is a hash of every page:
however many increments lie between, it is what was there, byte for byte.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shared.archive.damage import Damaged
from shared.continuous.ahead import Ahead, fetched_ahead
from shared.continuous.index import (
    Bytes,
    Head,
    State,
    entries_of,
    hash_pages,
    overlay,
    read_head,
    state_of,
    write_whole,
)
from shared.continuous.path import Step, objects_of
from shared.errors import NotGood
from shared.model.names import Format
from shared.stores import Store

Tell = Callable[[int, int], None]  # steps done, steps in all


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

    Raises NotGood when it cannot be that very state, StoreError for the store.
    """
    key = b""
    try:
        with _private(target) as image, fetched_ahead(store, list(objects_of(path))) as ahead:
            for number, step in enumerate(path):
                tell(number, len(path))
                with _index(ahead, step) as (head, stream):
                    key = _same_key(key, head, step)
                    _write_step(ahead, step, head, stream, image)
        _prove(path[-1], key, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    tell(len(path), len(path))


def prove_state(step: Step, state: State) -> None:
    """Raises NotGood when that is not the state that the backup was made of."""
    if state.identity != step.chain.identity:
        raise NotGood(
            f"{step.manifest.id} came back with other pages than were there: its identity differs; use another backup"
        )


def _prove(step: Step, key: bytes, image: Path) -> None:
    hashes = image.with_name(f"{image.name}.hashes")
    try:
        prove_state(step, hash_pages(image, step.manifest.sqlite.page_size, key, hashes))
    finally:
        hashes.unlink(missing_ok=True)


def _write_step(ahead: Ahead, step: Step, head: Head, index: Bytes, image: BinaryIO) -> None:
    if not head.changes_only:
        index.skip(head.size_of_entries)
        with ahead.opened(step, Format.SQLITE) as pieces:
            image.writelines(pieces)
        image.flush()
        if image.tell() != head.page_size * head.page_count:
            raise NotGood(f"the page image of {step.manifest.id} has another size than its index: use another backup")
        return
    descriptor = image.fileno()
    os.ftruncate(descriptor, head.page_size * head.page_count)
    with ahead.opened(step, Format.PAGES) as pieces:
        pages = Bytes(pieces)
        for number, _ in entries_of(head, index):
            os.pwrite(descriptor, pages.exactly(head.page_size), (number - 1) * head.page_size)
        pages.end()


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
