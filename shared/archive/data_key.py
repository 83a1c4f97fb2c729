"""Data keys: one for each backup, wrapped by the wrapping key, never stored in clear text.

A data key is a Tink streaming AEAD keyset with one AES256_GCM_HKDF_1MB key. Associated data binds everything made with
it to its purpose: a wrapped data key to one backup, an artifact's ciphertext to one format, a seal to one manifest.
"""

import base64
import binascii
import hashlib
import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Protocol, cast

import tink
from tink import proto_keyset_format, secret_key_access, streaming_aead

from shared.archive.damage import Damaged
from shared.archive.wrapped_by import check_same_key
from shared.errors import NotGood
from shared.keys import WrappingKey
from shared.model.manifest import Encryption, canonical_json
from shared.model.names import BackupName, Format

_PIECE = 64 << 10

streaming_aead.register()


class Destination(Protocol):
    """A stream that ciphertext is written to. Tink calls `close` at the end, and from finalisers."""

    def writable(self) -> bool: ...
    def write(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...


class CiphertextSource(Protocol):
    """A stream that ciphertext is read from. `failure` is the exception that `read` raised, if any."""

    failure: BaseException | None

    def readable(self) -> bool: ...
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class DataKey:
    """The key that encrypts one backup's artifacts and seals its manifest."""

    def __init__(self, keyset: tink.KeysetHandle) -> None:
        self._keyset = keyset
        self._stream = keyset.primitive(streaming_aead.StreamingAead)  # type: ignore[type-abstract]

    @classmethod
    def generate(cls) -> "DataKey":
        return cls(tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB))

    def wrap(self, key: WrappingKey, name: BackupName) -> Encryption:
        """Returns the manifest's record: the wrapping key's name and the wrapped data key. Raises KeyProblem."""
        secret = proto_keyset_format.serialize(self._keyset, secret_key_access.TOKEN)
        wrapped = key.wrap(secret, _wrapping_context(name))
        return Encryption(
            scheme="tink-streaming-aead-aes256-gcm-hkdf-1mb",
            key=key.name,  # read after wrapping: only then Cloud KMS has reported the version
            wrapped_key=base64.b64encode(wrapped).decode(),
        )

    @classmethod
    def unwrap(cls, encryption: Encryption, key: WrappingKey, name: BackupName) -> "DataKey":
        """Returns the unwrapped data key.

        Raises OtherKey if another key wrapped it, KeyProblem if `key` cannot be used, NotGood if the wrapped key was
        changed or belongs to another backup.
        """
        check_same_key(encryption, key, name)
        try:
            secret = key.unwrap(_decode(encryption.wrapped_key), _wrapping_context(name))
            return cls(proto_keyset_format.parse(secret, secret_key_access.TOKEN))
        except (tink.TinkError, ValueError, NotGood):
            raise NotGood(
                f"manifest of {name.id} holds a data key that cannot be unwrapped: it was changed,"
                " or is of another backup; use another backup"
            ) from None

    def encrypting(self, destination: Destination, context: bytes) -> BinaryIO:
        """Returns a stream whose `close` ends the ciphertext.

        Its finaliser ends it too, so `destination` must ignore writes after its owner has aborted, and its `close` must
        do nothing.
        """
        return self._stream.new_encrypting_stream(cast("BinaryIO", destination), context)

    def decrypted(self, source: CiphertextSource, context: bytes) -> Iterator[bytes]:
        """Yields authenticated plain bytes. They are complete only once the iterator has ended.

        Raises Damaged if the ciphertext was changed, truncated or belongs elsewhere; re-raises errors of `source.read`.
        """
        stream = self._stream.new_decrypting_stream(cast("BinaryIO", source), context)
        while True:
            try:
                piece = stream.read(_PIECE)
            except tink.TinkError:
                piece = None
            if source.failure is not None:  # Tink replaces every exception, and takes EOFError for the end
                raise source.failure
            if piece is None:
                raise Damaged("cannot be decrypted: it was changed or cut, or belongs to another backup")
            if not piece:
                return
            yield piece

    def seal(self, content: bytes, purpose: str = "manifest") -> str:
        """Returns a seal that authenticates `content` as a document of that purpose.

        It is the base64 of an empty text's ciphertext with the content's hash as associated data.
        """
        sealed = _MemoryDestination()
        with self.encrypting(sealed, _seal_context(content, purpose)):
            pass
        return base64.b64encode(sealed.content).decode()

    def decrypted_artifact(
        self, stored: CiphertextSource, name: BackupName, form: Format, binding: Mapping[str, str]
    ) -> Iterator[bytes]:
        """Yields the plain bytes of an artifact of that backup; see `decrypted`."""
        return self.decrypted(stored, artifact_context(name, form, binding))

    def is_sealed(self, content: bytes, seal: str, purpose: str = "manifest") -> bool:
        """Returns whether `seal` is this key's seal of exactly that content and purpose."""
        try:
            source = _MemorySource(_decode(seal))
            return not any(self.decrypted(source, _seal_context(content, purpose)))
        except (ValueError, Damaged):
            return False


def artifact_context(name: BackupName, form: Format, binding: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Returns the associated data of an artifact's ciphertext; `binding` adds more fields of its manifest."""
    return _context("artifact", name, format=form.value, **binding)


def _wrapping_context(name: BackupName) -> bytes:
    return _context("data key", name)


def _seal_context(content: bytes, purpose: str) -> bytes:
    # Hashed, because Tink keeps several copies of associated data in memory.
    return canonical_json({"purpose": f"litekeep 1 {purpose}", "sha256": hashlib.sha256(content).hexdigest()})


def _context(purpose: str, name: BackupName, **more: str) -> bytes:
    what = {"purpose": f"litekeep 1 {purpose}", "id": name.id, "database": name.database, "kind": name.kind}
    return canonical_json(what | more)


def _decode(text: str) -> bytes:
    """Decodes strict base64: each value has one text, so any changed byte is noticed. Raises ValueError."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(content).decode() != text:
        raise ValueError("not canonical base64")
    return content


class _MemoryDestination:
    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:
        self.content += data
        return len(data)

    def close(self) -> None:
        pass


class _MemorySource(io.BytesIO):
    failure: BaseException | None = None
