"""A wrapping key in a file: a Tink keyset in JSON, in clear, with one AES256_GCM key in it."""

import hashlib
import hmac
import os
import stat
import tempfile
from pathlib import Path
from typing import Self

import tink
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access
from tink.proto import aes_gcm_pb2, tink_pb2

from shared.errors import KeyProblem, NotGood, UsageError

_LARGEST = 64 << 10  # bytes; ours have about 400
_TYPE = "type.googleapis.com/google.crypto.tink.AesGcmKey"
_ENABLED = 1  # KeyStatusType in tink.proto
_KEY_BYTES = 32
_NAMING = b"litekeep 1 name of a key file"

aead.register()


class KeyFile:
    """Its name is `file:` and 16 hex digits that tell keys apart and nothing about the key."""

    def __init__(self, keyset: tink.KeysetHandle) -> None:
        self._aead = keyset.primitive(aead.Aead)  # type: ignore[type-abstract]
        self.name = f"file:{_fingerprint(keyset)}"  # after Tink has found it to be whole

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises KeyProblem when the file is missing, open to others, or not such a key."""
        try:
            keyset = json_proto_keyset_format.parse(_content(path).decode(), secret_key_access.TOKEN)
            return cls(keyset)
        except (tink.TinkError, ValueError):
            # Nothing of the cause: it could quote the key.
            raise KeyProblem(
                f"key file {path} is not a key that `litekeep keygen` made: restore it from where you keep it"
            ) from None

    @classmethod
    def create(cls, path: Path) -> Self:
        """Makes a key and its file, with mode 0600, whole or not at all, never over anything.

        Raises UsageError when something is at `path` already, KeyProblem when the folder refuses.
        """
        keyset = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        content = json_proto_keyset_format.serialize(keyset, secret_key_access.TOKEN)
        try:
            _make_folder(path.parent)
        except OSError as error:
            raise KeyProblem(f"key file {path} cannot be made: its folder cannot be ({error.strerror})") from None
        try:
            _create(path, content.encode() + b"\n")
        except FileExistsError:
            raise UsageError(
                f"{path} is there already and was left as it is, for a lost key cannot be remade: name another"
            ) from None
        except OSError as error:
            raise KeyProblem(
                f"key file {path} cannot be made: {error.strerror}; name a file in a folder that you can write"
            ) from None
        return cls(keyset)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        return bytes(self._aead.encrypt(secret, context))

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return bytes(self._aead.decrypt(wrapped, context))
        except tink.TinkError:
            raise NotGood(
                f"the key {self.name} did not wrap this, or it was changed since: use the key that wrapped it"
            ) from None


def _make_folder(folder: Path) -> None:
    """Makes a folder and those above it where they are missing, each so that it outlives a crash. Raises OSError."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700)
    above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)


def _fingerprint(keyset: tink.KeysetHandle) -> str:
    """Names the one key in a keyset. Raises ValueError for any other keyset.

    HMAC-SHA-256 under the key itself, cut to 64 bits: it can be shown to anyone.
    """
    serialized = proto_keyset_format.serialize(keyset, secret_key_access.TOKEN)
    keys = tink_pb2.Keyset.FromString(serialized).key  # type: ignore[attr-defined]
    if len(keys) != 1 or keys[0].status != _ENABLED or keys[0].key_data.type_url != _TYPE:
        raise ValueError("not one AES-GCM key")
    key = aes_gcm_pb2.AesGcmKey.FromString(keys[0].key_data.value).key_value  # type: ignore[attr-defined]
    if len(key) != _KEY_BYTES:
        raise ValueError("not a 256-bit key")
    return hmac.new(key, _NAMING, hashlib.sha256).hexdigest()[:16]


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyProblem(
            f"key file {path} is missing: restore it from where you keep it, or set BACKUP_KEY to another;"
            f" for a first backup, litekeep keygen {path}"
        ) from None
    except OSError as error:
        raise KeyProblem(f"key file {path} cannot be opened: {error.strerror}; mend its permissions") from None
    try:
        _check_guarded(path, os.fstat(descriptor).st_mode)
        return os.read(descriptor, _LARGEST)
    except OSError as error:
        raise KeyProblem(f"key file {path} cannot be read: {error.strerror}; restore it") from None
    finally:
        os.close(descriptor)


def _check_guarded(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise KeyProblem(f"key file {path} is {what}: set BACKUP_KEY to file:PATH of a key file")
    if mode & 0o077:
        raise KeyProblem(f"key file {path} is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")


def _create(path: Path, content: bytes) -> None:
    """The file under its own name is either not there or whole, wherever this is killed."""
    descriptor, temporary = tempfile.mkstemp(prefix=".new-key-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, path)  # unlike a rename, never over anything
    finally:
        Path(temporary).unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
