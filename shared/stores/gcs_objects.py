"""What Cloud Storage's replies say of objects."""

import base64
import binascii
from typing import Any

from shared.stores.interface import StoredObject

NONCE = "litekeep-upload"  # in an object's metadata: tells our own object from another's after a lost answer


def as_object(name: str, blob: Any) -> StoredObject:
    """Returns what a reply says of an object. Raises ValueError where it does not say it, or says nonsense."""
    if not (blob.generation and blob.time_created and blob.size is not None and blob.size >= 0):
        raise ValueError("a field is missing")
    kept = {key: value for key, value in (blob.metadata or {}).items() if key != NONCE}
    return StoredObject(name, blob.size, blob.time_created, str(blob.generation), kept, blob.storage_class)


def number_of(crc32c: str | None) -> int | None:
    """Cloud Storage writes CRC32C as base64 of four bytes, highest first."""
    try:
        return None if crc32c is None else int.from_bytes(base64.b64decode(crc32c, validate=True), "big")
    except binascii.Error:
        return None
