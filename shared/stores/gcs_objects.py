"""Converts Cloud Storage's object descriptions to StoredObjects."""

import base64
import binascii
from collections.abc import Mapping
from sys import intern
from typing import Any

from shared.clock import parse_time
from shared.stores.interface import NO_METADATA, StoredObject

FIELDS = "items(name,size,generation,timeCreated,metadata,storageClass),nextPageToken"
FIELDS_DELETED = "items(name,size,generation,timeCreated,storageClass,softDeleteTime),nextPageToken"
PAGE = 1000
NONCE = "litekeep-upload"  # metadata key: identifies our own object after a lost response


def as_object(name: str, blob: Any) -> StoredObject:
    """Returns the object that a Blob describes. Raises ValueError for a missing or invalid field."""
    if not (blob.generation and blob.time_created and blob.size is not None and blob.size >= 0):
        raise ValueError("a field is missing")
    metadata = _own(blob.metadata)
    return StoredObject(name, blob.size, blob.time_created, str(blob.generation), metadata, blob.storage_class)


def listed(item: Mapping[str, Any], prefix: str) -> StoredObject:
    """Returns the object of a listing item, without the store's prefix. Raises ValueError, TypeError or KeyError."""
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
    """Returns the object's metadata without the upload nonce."""
    return {key: value for key, value in metadata.items() if key != NONCE} if metadata else NO_METADATA


def number_of(crc32c: str | None) -> int | None:
    """Decodes a CRC32C: base64 of four big-endian bytes. Returns None for None or malformed base64."""
    try:
        return None if crc32c is None else int.from_bytes(base64.b64decode(crc32c, validate=True), "big")
    except binascii.Error:
        return None
