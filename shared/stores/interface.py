"""The interface of a store. `tests/stores/contract.py` checks every implementation against it.

A store is a flat map from names to immutable objects. Nothing in it is ever overwritten:
`create` succeeds once for a name. Once `create` returns, the object is durable and whole,
even if the machine crashes; if it does not return, the object may or may not exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol, runtime_checkable

from shared.records import record

NO_METADATA: Mapping[str, str] = MappingProxyType({})


@record(frozen=True, slots=True)
class StoredObject:
    """One object of a listing. `generation` identifies this content of the name."""

    name: str
    size_bytes: int
    created_at: datetime
    generation: str
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    storage_class: str | None = field(default=None, compare=False)  # of a bucket: STANDARD, NEARLINE, …


def without_metadata(item: StoredObject) -> StoredObject:
    """Returns the object without its metadata, for callers that keep many in memory."""
    if not item.metadata:
        return item
    return StoredObject(item.name, item.size_bytes, item.created_at, item.generation, storage_class=item.storage_class)


class Store(Protocol):
    """A store. Its methods raise StoreError, or the subclasses ObjectExists and ObjectMissing.

    Names are 1 to 900 bytes of UTF-8; `object_names` has the rules. Objects with other names do not
    belong to the store: they are neither listed nor changed. A store may refuse a name below an
    existing object's name (`a/b` when `a` exists).
    """

    @property
    def url(self) -> str:
        """The store as written in settings: `gs://BUCKET/PREFIX`, or the folder's path."""

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        """Yields the objects whose names begin with `prefix` and are not before `start`, in byte order of their names.

        A bucket needs one request per thousand objects. A store that was never written to is empty.
        """

    def staging_folder(self) -> AbstractContextManager[Path]:
        """Yields a private folder for files that go to `create_from_file`, on the file system that it needs.

        The folder is removed after the block. One left by a kill is removed when the next is made.
        """

    def create_from_file(self, name: str, path: Path, crc32c: int, metadata: Mapping[str, str]) -> StoredObject:
        """Stores the file under a name that must not exist yet. The store then owns `path`, and may remove it.

        `crc32c` is the checksum of the bytes as they were written; raises StoreError if the stored
        bytes differ. A folder drops `metadata`; a bucket keeps up to 8 KiB.
        Raises ObjectExists if the name exists, unless this call itself created it.
        """

    def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        """Stores a small content under a name that must not exist yet. Raises ObjectExists if it does."""

    def open(self, name: str, generation: str | None = None) -> AbstractContextManager[BinaryIO]:
        """Yields the object's bytes as a stream, of `generation` if given, and always of one generation only.

        Raises ObjectMissing if there is none. The caller checks the hash: stores are not trusted with it.
        """

    def delete(self, name: str, generation: str) -> None:
        """Deletes that generation only. Does nothing if it is already gone or was replaced."""


@runtime_checkable
class Holding(Protocol):
    """Optional: a store that can hold objects. A held object cannot be deleted by anyone."""

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        """Holds that generation, or releases it. Does nothing if it already is.

        Raises ObjectMissing if that generation is gone, StoreError if the store refuses.
        """


@runtime_checkable
class ReadsMany(Protocol):
    """Optional: a store that reads many small objects together, much faster than one by one."""

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        """Yields the bytes of each item in the order given, or None if it is gone or was replaced.

        Raises StoreError.
        """


@runtime_checkable
class ReadsListed(Protocol):
    """Optional: a store that reads a small object with one request, given its listed generation and size."""

    def read_listed(self, item: StoredObject) -> bytes:
        """Returns the object's bytes. Unlike `open`, checks no CRC32C: the caller checks a seal.

        Raises ObjectMissing if that generation is gone, else StoreError.
        """

    def read_start(self, name: str, size: int) -> bytes:
        """Returns the first `size` bytes (at least 1) of the name's current content, with one request, unchecked.

        A shorter object is returned whole. Raises ObjectMissing, StoreError.
        """


@runtime_checkable
class SoftDeletes(Protocol):
    """Optional: a store that keeps deleted objects for a while, and bills them."""

    def list_soft_deleted(self) -> list[StoredObject] | None:
        """Returns the soft-deleted objects; None if the store cannot list them. Raises StoreError."""


@runtime_checkable
class OwnTime(Protocol):
    """Optional: a store that sets `created_at` by its own clock, not by the writer's."""

    has_own_time: bool
