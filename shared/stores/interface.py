"""What every store can do. `tests/stores/contract.py` holds each implementation to it.

A store is a flat map from names to immutable objects. Nothing in it is ever
overwritten: `create` succeeds once for a name. What `create` returned stays,
whole, through a crash of the machine; what it did not return may or may not exist.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class StoredObject:
    """One object as a listing shows it. `generation` pins this very content of the name."""

    name: str
    size_bytes: int
    created_at: datetime
    generation: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class Store(Protocol):
    """Raises StoreError, or its ObjectExists and ObjectMissing, and nothing else for what goes wrong outside."""

    @property
    def url(self) -> str:
        """What a person writes to name this store: `gs://BUCKET/PREFIX`, or the folder's path."""

    def list_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose names begin with `prefix`, by name, about a thousand a request."""

    def staging_folder(self) -> AbstractContextManager[Path]:
        """A folder for files that `create_from_file` will take; it is gone after the block, also after a kill."""

    def create_from_file(self, name: str, path: Path, crc32c: int, metadata: Mapping[str, str]) -> StoredObject:
        """Stores the file under a name that must not exist yet; `path` is the store's from then on.

        `crc32c` is of the file's bytes; a store that ends up with other bytes fails.
        """

    def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        """Stores a few bytes under a name that must not exist yet."""

    def open(self, name: str, generation: str | None = None) -> AbstractContextManager[BinaryIO]:
        """The object's bytes as a stream, of that generation when one is given; never a mix of two."""

    def delete(self, name: str, generation: str) -> None:
        """Removes that generation. It is no error when it is gone already."""
