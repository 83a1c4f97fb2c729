"""Seals authenticate every byte of a stored manifest.

A seal covers the stored bytes with the seal's own text left empty. So no canonical form is needed, and a later Litekeep
that knows more or fewer fields checks the same bytes. With a data key the seal is an AEAD ciphertext (see `data_key`);
without one it is `sha256:` and a hash, which detects damage but not tampering.
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
    """Returns the manifest with its seal. Store exactly its `to_json()`."""
    if (manifest.encryption is None) != (data_key is None):
        raise ValueError("a manifest is sealed by its data key if it names one, and only then")
    content = manifest.model_copy(update={"seal": ""}).to_json()
    seal = _hash(content) if data_key is None else data_key.seal(content)
    sealed = manifest.model_copy(update={"seal": seal})
    if without_seal(sealed.to_json(), seal) != content:
        raise ValueError("a manifest must hold its seal once, in the form that Pydantic writes")
    return sealed


def check_manifest(manifest: Manifest, raw: bytes, key: WrappingKey | None) -> "DataKey | None":
    """Checks the stored bytes against their seal. Returns the data key, or None for a backup that is not encrypted.

    `manifest` is the result of `parse_manifest(raw)`. A backup that is not encrypted is accepted only if no key is
    configured.
    Raises NotGood if any byte was changed, OtherKey if it needs another key or none is configured, KeyProblem if the
    key is not reachable.
    """
    content = without_seal(raw, manifest.seal)
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
    """Returns the bytes of a record about a backup (`what`, such as a verdict), sealed like a manifest.

    `data_key` is None for a backup that is not encrypted; the seal then detects damage but not tampering.
    """
    content = _record(document, "")
    seal = _hash(content) if data_key is None else data_key.seal(content, what)
    sealed = _record(document, seal)
    if without_seal(sealed, seal) != content:
        raise ValueError("a record must hold its seal once")
    return sealed


def is_record_sealed(raw: bytes, seal: str, what: str, data_key: "DataKey | None") -> bool:
    """Returns whether the stored bytes of a record are unchanged since they were sealed. `seal` is the seal in them."""
    content = without_seal(raw, seal)
    if content is None:
        return False
    if data_key is None:
        return hmac.compare_digest(_hash(content).encode(), seal.encode())
    return data_key.is_sealed(content, seal, what)


def _record(document: Mapping[str, Any], seal: str) -> bytes:
    return json.dumps({**document, "seal": seal}, indent=2, ensure_ascii=False).encode() + b"\n"


def without_seal(raw: bytes, seal: str) -> bytes | None:
    """Returns `raw` with the seal's text left empty, or None if the seal does not occur exactly once.

    It cannot occur inside a string: JSON would write its quotes as `\\"`.
    """
    marked = f'"seal": "{seal}"'.encode()
    return raw.replace(marked, b'"seal": ""') if raw.count(marked) == 1 else None


def _hash(content: bytes) -> str:
    return _UNKEYED + hashlib.sha256(content).hexdigest()


def _changed(manifest: Manifest) -> NotGood:
    return NotGood(f"manifest of {manifest.id} was changed: its seal does not match; use another backup")
