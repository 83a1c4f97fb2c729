"""Keys: the wrapping key (a file or a key in Cloud KMS) and the signing key."""

from shared.keys.interface import Versioned, WrappingKey
from shared.keys.private_file import key_path

__all__ = ["Versioned", "WrappingKey", "open_key"]


def open_key(setting: str, *, patience: float = 60.0) -> WrappingKey | None:
    """Opens the key that `BACKUP_KEY` names: `file:PATH` or `gcp-kms://…`. Returns None for `none`.

    `patience`: how long a call to Cloud KMS is retried, in seconds, while it is out of reach or over its quota.

    Raises KeyProblem if a key file is missing, readable by others or malformed, UsageError if another user owns it or
    can write to it.
    """
    if setting == "none":
        return None
    if setting.startswith("gcp-kms://"):
        from shared.keys.kms import CloudKey  # noqa: PLC0415 - Google's library takes 0.3 s to import

        return CloudKey(setting, patience=patience)
    from shared.keys.keyfile import KeyFile  # noqa: PLC0415 - Tink takes nearly as long

    return KeyFile.read(key_path(setting))
