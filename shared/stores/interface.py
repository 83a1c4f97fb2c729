"""What every store can do. `tests/stores/contract.py` holds each implementation to it.

A store is a flat map from names to immutable objects. Nothing in it is ever
overwritten: `create` succeeds once for a name. What `create` returned stays,
whole, through a crash of the machine; what it did not return may or may not exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol, runtime_checkable

NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a listing shows it. `generation` pins this very content of the name."""

    name: str
    size_bytes: int
    created_at: datetime
    generation: str
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    storage_class: str | None = field(default=None, compare=False)  # of a bucket: STANDARD, NEARLINE, …


def without_metadata(item: StoredObject) -> StoredObject:
    """The same for whoever keeps many and has read their metadata."""
    if not item.metadata:
        return item
    return StoredObject(item.name, item.size_bytes, item.created_at, item.generation, storage_class=item.storage_class)


class Store(Protocol):
    """Raises StoreError, or its ObjectExists and ObjectMissing, for whatever goes wrong outside.

    Names are 1 to 900 bytes of UTF-8; see `object_names` for what is refused. An object that a store
    finds under any other name is not one of its own: it is neither listed nor touched. A name that
    leads on from another object's name and a slash (`a/b` beside `a`) may be refused.
    """

    @property
    def url(self) -> str:
        """What a person writes to name this store: `gs://BUCKET/PREFIX`, or the folder's path."""

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        """All objects whose names begin with `prefix` and are not before `start`, in the order of their names' bytes.

        A bucket takes one request a thousand objects. A store that was never written to has none.
        """

    def staging_folder(self) -> AbstractContextManager[Path]:
        """A private folder for files that `create_from_file` will take, on the right file system for that.

        It is gone after the block; after a kill, the next one to be made removes it.
        """

    def create_from_file(self, name: str, path: Path, crc32c: int, metadata: Mapping[str, str]) -> StoredObject:
        """Stores the file under a name that must not exist yet; `path` is the store's from then on.

        `crc32c` is of the file's bytes, as they were written; a store that ends up with other bytes
        fails. A folder keeps no `metadata`, a bucket takes 8 KiB of it.
        Raises ObjectExists when the name is taken, by anyone but this very call.
        """

    def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        """Stores a few bytes under a name that must not exist yet."""

    def open(self, name: str, generation: str | None = None) -> AbstractContextManager[BinaryIO]:
        """The object's bytes as a stream, of that generation when one is given; never a mix of two.

        Raises ObjectMissing when there is none. The reader hashes: a store is not trusted with that.
        """

    def delete(self, name: str, generation: str) -> None:
        """Removes that generation and no other. It is no error when it is gone already, or replaced."""


@runtime_checkable
class Holding(Protocol):
    """Optional: a store that can hold objects. Nobody can delete a held object."""

    def set_hold(self, name: str, generation: str, *, held: bool) -> None:
        """Holds that generation, or lets go of it. It is no error when it is so already.

        Raises ObjectMissing when that generation is gone, StoreError when the store refuses.
        """


@runtime_checkable
class ReadsMany(Protocol):
    """A store that reads many small objects together at far less cost than one by one."""

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        """The bytes of each, in the order given, one at a time; None for one that is gone or was replaced.

        Raises StoreError.
        """


@runtime_checkable
class ReadsListed(Protocol):
    """A store that reads a small object with one request, where the listing has told its generation and size."""

    def read_listed(self, item: StoredObject) -> bytes:
        """Its bytes. Unlike those of `open` they are held to no checksum of the store: whoever reads checks a seal.

        Raises ObjectMissing when that generation is gone, StoreError.
        """

    def read_start(self, name: str, size: int) -> bytes:
        """The first `size` bytes, 1 or more, of whatever has that name now, or all, with one request; as unchecked.

        Raises ObjectMissing, StoreError.
        """


@runtime_checkable
class SoftDeletes(Protocol):
    """A store that keeps deleted objects for a while, and bills them."""

    def list_soft_deleted(self) -> list[StoredObject] | None:
        """What is deleted and not gone yet; None when the store does not tell. Raises StoreError."""


@runtime_checkable
class OwnTime(Protocol):
    """A store that sets `created_at` by its own clock, not by the writer's."""

    has_own_time: bool
