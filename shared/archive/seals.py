"""Seals: what makes every byte of a stored manifest count.

The seal covers the very bytes that are stored, with the seal's own text left empty. So nothing has
to be put into a canonical form to be judged, and a later Litekeep that knows more fields, or
fewer, judges the same bytes. With a data key the seal is an AEAD ciphertext (see `data_key`);
without one it is `sha256:` and a hash, which shows damage but not malice.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.archive.wrapped_by import without_version
from shared.errors import NotGood, OtherKey
from shared.keys import WrappingKey
from shared.model.manifest import Manifest

if TYPE_CHECKING:
    from shared.archive.data_key import DataKey

_UNKEYED = "sha256:"


def seal_manifest(manifest: Manifest, data_key: "DataKey | None") -> Manifest:
    """The manifest with its seal; what is stored must be exactly its `to_json()`."""
    if (manifest.encryption is None) != (data_key is None):
        raise ValueError("a manifest is sealed by its data key if it names one, and only then")
    content = manifest.model_copy(update={"seal": ""}).to_json()
    seal = _hash(content) if data_key is None else data_key.seal(content)
    sealed = manifest.model_copy(update={"seal": seal})
    if unsealed(sealed.to_json(), seal) != content:
        raise ValueError("a manifest must hold its seal once, in the form that Pydantic writes")
    return sealed


def check_manifest(manifest: Manifest, raw: bytes, key: WrappingKey | None) -> "DataKey | None":
    """Holds the stored bytes to the seal in them, and gives the data key that opens the artifacts.

    `manifest` is what `parse_manifest` made of `raw`. None stands for a backup that is not encrypted,
    which is accepted only when no key is configured.
    Raises NotGood when any byte was changed, OtherKey when it is under another key or none is
    configured, KeyProblem when the key is out of reach.
    """
    content = unsealed(raw, manifest.seal)
    if manifest.encryption is None:
        if key is not None:
            raise NotGood(
                f"backup {manifest.id} is not encrypted though BACKUP_KEY is set, so it may have been replaced:"
                " set BACKUP_KEY=none to accept it"
            )
        if content is None or not hmac.compare_digest(_hash(content).encode(), manifest.seal.encode()):
            raise _changed(manifest)
        return None
    if key is None:
        raise OtherKey(
            f"backup {manifest.id} is encrypted: set BACKUP_KEY to the key that wrapped it, "
            f"{without_version(manifest.encryption.key)}"
        )
    from shared.archive.data_key import DataKey  # noqa: PLC0415 - Tink is slow to import

    data_key = DataKey.unwrap(manifest.encryption, key, manifest.name)
    if content is None or not data_key.is_sealed(content, manifest.seal):
        raise _changed(manifest)
    return data_key


def seal_record(document: Mapping[str, Any], what: str, data_key: "DataKey | None") -> bytes:
    """The bytes of a record about a backup (`what`: a verdict), with a seal over all of them, like a manifest's.

    None for `data_key` stands for a backup that is not encrypted: then the seal shows damage, but not malice.
    """
    content = _record(document, "")
    seal = _hash(content) if data_key is None else data_key.seal(content, what)
    sealed = _record(document, seal)
    if unsealed(sealed, seal) != content:
        raise ValueError("a record must hold its seal once")
    return sealed


def is_record_sealed(raw: bytes, seal: str, what: str, data_key: "DataKey | None") -> bool:
    """Returns whether the stored bytes of a record are those that were sealed. `seal` is what they hold as theirs."""
    content = unsealed(raw, seal)
    if content is None:
        return False
    if data_key is None:
        return hmac.compare_digest(_hash(content).encode(), seal.encode())
    return data_key.is_sealed(content, seal, what)


def _record(document: Mapping[str, Any], seal: str) -> bytes:
    return json.dumps({**document, "seal": seal}, indent=2, ensure_ascii=False).encode() + b"\n"


def unsealed(raw: bytes, seal: str) -> bytes | None:
    """`raw` with the seal's text left empty, or None when it does not stand there exactly once.

    It cannot stand inside of a string: JSON would write its quotes as `\\"`.
    """
    marked = f'"seal": "{seal}"'.encode()
    return raw.replace(marked, b'"seal": ""') if raw.count(marked) == 1 else None


def _hash(content: bytes) -> str:
    return _UNKEYED + hashlib.sha256(content).hexdigest()


def _changed(manifest: Manifest) -> NotGood:
    return NotGood(f"manifest of {manifest.id} was changed: its seal does not match; use another backup")
