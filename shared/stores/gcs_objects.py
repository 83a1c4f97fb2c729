"""What Cloud Storage's replies say of objects."""

import base64
import binascii
from collections.abc import Mapping
from sys import intern
from typing import Any

from shared.clock import parse_time
from shared.stores.interface import NO_METADATA, StoredObject

FIELDS = "items(name,size,generation,crc32c,timeCreated,metadata,storageClass),nextPageToken"
FIELDS_DELETED = "items(name,size,generation,timeCreated,storageClass,softDeleteTime),nextPageToken"
PAGE = 1000
NONCE = "litekeep-upload"  # in an object's metadata: tells our own object from another's after a lost answer


def as_object(name: str, blob: Any) -> StoredObject:
    """Returns what a reply says of an object. Raises ValueError where it does not say it, or says nonsense."""
    if not (blob.generation and blob.time_created and blob.size is not None and blob.size >= 0):
        raise ValueError("a field is missing")
    metadata = _own(blob.metadata)
    return StoredObject(name, blob.size, blob.time_created, str(blob.generation), metadata, blob.storage_class)


def listed(item: Mapping[str, Any], prefix: str) -> StoredObject:
    """Returns an item of a listing's page, without the store's own prefix. Raises ValueError, TypeError or KeyError."""
    size, generation, storage_class = int(item["size"]), str(item["generation"]), item.get("storageClass")
    if not generation.isdecimal() or size < 0:
        raise ValueError("a field is missing")
    return StoredObject(
        item["name"].removeprefix(prefix),
        size,
        parse_time(item["timeCreated"]),
        generation,
        _own(item.get("metadata")),
        intern(storage_class) if storage_class else None,
    )


def _own(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    """What was stored beside an object, without what only its upload needed."""
    return {key: value for key, value in metadata.items() if key != NONCE} if metadata else NO_METADATA


def number_of(crc32c: str | None) -> int | None:
    """Cloud Storage writes CRC32C as base64 of four bytes, highest first."""
    try:
        return None if crc32c is None else int.from_bytes(base64.b64decode(crc32c, validate=True), "big")
    except binascii.Error:
        return None
