"""Compares the names of wrapping keys, without the keys or a crypto library."""

import re

from shared.errors import OtherKey
from shared.keys import WrappingKey
from shared.model.manifest import Encryption
from shared.model.names import BackupName

_VERSION = re.compile(r"/cryptoKeyVersions/[^/]+$")


def same_key(recorded: str, configured: str) -> bool:
    """Returns whether two names mean the same wrapping key; all versions of a Cloud KMS key count as one key."""
    return without_version(recorded) == without_version(configured)


def without_version(name: str) -> str:
    """Returns the key's name as in BACKUP_KEY, without a version."""
    return _VERSION.sub("", name) if name.startswith("gcp-kms://") else name


def check_same_key(encryption: Encryption, key: WrappingKey, name: BackupName) -> None:
    """Raises OtherKey if a key other than `key` wrapped the data key of the backup `name`."""
    if not same_key(encryption.key, key.name):
        raise OtherKey(
            f"the key {without_version(key.name)} is not the one that wrapped backup {name.id},"
            f" {without_version(encryption.key)}: set BACKUP_KEY to that one"
        )
