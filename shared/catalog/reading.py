"""Reads manifests and verdicts. Their content is not trusted, so their size is limited."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from shared.catalog.summary import Summary
from shared.errors import NotGood, ObjectMissing, StoreError
from shared.model.manifest import LARGEST_MANIFEST
from shared.model.names import BackupName
from shared.stores import Store, StoredObject
from shared.stores.interface import ReadsMany
from shared.text import count


@runtime_checkable
class KeepsSummaries(Protocol):
    """A store with a cache of manifest summaries, by name and generation: one generation's bytes never change."""

    def kept_summary(self, manifest: StoredObject) -> Summary | None:
        """Returns the cached summary of this generation, or None."""

    def keep_summary(self, manifest: StoredObject, summary: Summary) -> None:
        """Caches the summary for the next listing."""


def contents(
    store: Store, items: Mapping[BackupName, StoredObject], known: Mapping[BackupName, Any]
) -> Iterator[tuple[BackupName, bytes | NotGood]]:
    """Yields the content of each object whose `known` is None, or NotGood if it is too large.

    Objects that were deleted meanwhile are skipped. Raises StoreError.
    """
    unread = {name: item for name, item in items.items() if known[name] is None}
    small = {name: item for name, item in unread.items() if item.size_bytes <= LARGEST_MANIFEST}
    for name in unread.keys() - small.keys():
        yield name, _too_large(unread[name])
    for (name, item), content in zip(small.items(), _read_each(store, small.values()), strict=True):
        if content is not None:
            yield name, _whole(item, content)


def _read_each(store: Store, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
    if isinstance(store, ReadsMany):
        yield from store.read_many(items)
        return
    for item in items:
        try:
            with store.open(item.name, item.generation) as stream:
                content = stream.read(item.size_bytes + 1)
        except ObjectMissing:
            yield None
        else:
            yield content


def read_object(store: Store, item: StoredObject) -> bytes:
    """Returns the object's bytes. Raises NotGood if it is larger than any manifest, ObjectMissing, StoreError."""
    if item.size_bytes > LARGEST_MANIFEST:
        raise _too_large(item)
    with store.open(item.name, item.generation) as stream:
        return _whole(item, stream.read(item.size_bytes + 1))


def _too_large(item: StoredObject) -> NotGood:
    return NotGood(f"{item.name} has {item.size_bytes} bytes, more than any manifest: use another backup")


def _whole(item: StoredObject, content: bytes) -> bytes:
    if len(content) != item.size_bytes:
        raise StoreError(f"{item.name} came with {count(len(content), 'byte')} instead of {item.size_bytes}: try again")
    return content
