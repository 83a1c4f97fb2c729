"""A wrapping key in a file: a cleartext Tink keyset in JSON with one AES256_GCM key."""

import hashlib
import hmac
from pathlib import Path
from typing import Self

import tink
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access
from tink.proto import aes_gcm_pb2, tink_pb2

from shared.errors import KeyProblem, NotGood, UsageError
from shared.keys.private_file import create_private, read_private

_TYPE = "type.googleapis.com/google.crypto.tink.AesGcmKey"
_ENABLED = 1  # KeyStatusType in tink.proto
_KEY_BYTES = 32
_NAMING = b"litekeep 1 name of a key file"

aead.register()


class KeyFile:
    """A key file. Its name is `file:` and a fingerprint of 16 hex digits, which reveals nothing about the key."""

    def __init__(self, keyset: tink.KeysetHandle) -> None:
        self._aead = keyset.primitive(aead.Aead)  # type: ignore[type-abstract]
        self.name = f"file:{_fingerprint(keyset)}"  # after Tink has validated the keyset

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a key file. Raises KeyProblem if it is missing, open to others, or not a key file."""
        try:
            return cls(_read(path))
        except (tink.TinkError, ValueError):
            # The cause is dropped: its message could quote the key.
            raise KeyProblem(
                f"key file {path} is not a key that `litekeep keygen` made: restore it from where you keep it"
            ) from None

    @classmethod
    def create(cls, path: Path) -> Self:
        """Creates a key and its file, atomically and with mode 0600.

        Raises UsageError if `path` exists, KeyProblem if the folder cannot be written.
        """
        return cls._write(path, tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM))

    @classmethod
    def create_again(cls, path: Path, secret: bytes) -> Self:
        """Creates the file of an existing key from the bytes that `secret_in` returned.

        Raises like `create`, and UsageError if `secret` is not such a key.
        """
        try:
            keyset = proto_keyset_format.parse(secret, secret_key_access.TOKEN)
            _fingerprint(keyset)
        except (tink.TinkError, ValueError):
            raise UsageError(
                "these lines are not a Litekeep key: compare them with the sheet and type them again"
            ) from None
        return cls._write(path, keyset)

    @classmethod
    def _write(cls, path: Path, keyset: tink.KeysetHandle) -> Self:
        content = json_proto_keyset_format.serialize(keyset, secret_key_access.TOKEN)
        create_private(path, content.encode() + b"\n")
        return cls(keyset)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Encrypts `secret` with `context` as associated data."""
        return bytes(self._aead.encrypt(secret, context))

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypts `wrapped`. Raises NotGood if this key did not wrap it with that context."""
        try:
            return bytes(self._aead.decrypt(wrapped, context))
        except tink.TinkError:
            raise NotGood(
                f"the key {self.name} did not wrap this, or it was changed since: use the key that wrapped it"
            ) from None


def secret_in(path: Path) -> bytes:
    """Returns the key in a file as bytes, for `KeyFile.create_again`. Raises KeyProblem like `KeyFile.read`."""
    KeyFile.read(path)
    return bytes(proto_keyset_format.serialize(_read(path), secret_key_access.TOKEN))


def _read(path: Path) -> tink.KeysetHandle:
    """Reads the keyset in a file. Raises KeyProblem if it cannot be read, TinkError or ValueError if malformed."""
    content = read_private(path, "BACKUP_KEY", f"for a first backup, litekeep keygen {path}")
    return json_proto_keyset_format.parse(content.decode(), secret_key_access.TOKEN)


def _fingerprint(keyset: tink.KeysetHandle) -> str:
    """Returns the fingerprint of a keyset's one key. Raises ValueError for any other keyset.

    It is an HMAC-SHA-256 under the key itself, truncated to 64 bits, so it can be shown to anyone.
    """
    serialized = proto_keyset_format.serialize(keyset, secret_key_access.TOKEN)
    keys = tink_pb2.Keyset.FromString(serialized).key  # type: ignore[attr-defined]
    if len(keys) != 1 or keys[0].status != _ENABLED or keys[0].key_data.type_url != _TYPE:
        raise ValueError("not one AES-GCM key")
    key = aes_gcm_pb2.AesGcmKey.FromString(keys[0].key_data.value).key_value  # type: ignore[attr-defined]
    if len(key) != _KEY_BYTES:
        raise ValueError("not a 256-bit key")
    return hmac.new(key, _NAMING, hashlib.sha256).hexdigest()[:16]
