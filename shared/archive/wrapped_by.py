"""Which key wrapped a data key, by its name alone: no key and no library is needed to tell."""

import re

from shared.errors import OtherKey
from shared.keys import WrappingKey
from shared.model.manifest import Encryption
from shared.model.names import BackupName

_VERSION = re.compile(r"/cryptoKeyVersions/[^/]+$")


def same_key(recorded: str, configured: str) -> bool:
    """Returns whether two names are of one wrapping key; versions of a Cloud KMS key are the same key."""
    return without_version(recorded) == without_version(configured)


def without_version(name: str) -> str:
    """A key as BACKUP_KEY names it, whichever of its versions wrapped."""
    return _VERSION.sub("", name) if name.startswith("gcp-kms://") else name


def check_same_key(encryption: Encryption, key: WrappingKey, name: BackupName) -> None:
    """Raises OtherKey when another key than that wrapped the data key of the backup `name`."""
    if not same_key(encryption.key, key.name):
        raise OtherKey(
            f"the key {without_version(key.name)} is not the one that wrapped backup {name.id},"
            f" {without_version(encryption.key)}: set BACKUP_KEY to that one"
        )
