"""The keys of the local Cloud KMS: versions, their states, AES-256-GCM, and ECDSA on P-256."""

import base64
import json
import os
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_NUMBER = 4  # bytes at the front of a ciphertext: its version


class State(StrEnum):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROY_SCHEDULED = "DESTROY_SCHEDULED"
    DESTROYED = "DESTROYED"


class NotEnabled(Exception):
    """A disabled or destroyed version was used."""


class Undecryptable(Exception):
    """The ciphertext was not made by this key for that context."""


@dataclass
class Version:
    number: int
    secret: bytes
    state: State = State.ENABLED


@dataclass
class CryptoKey:
    """A key with its versions. `signing` means ASYMMETRIC_SIGN (EC_SIGN_P256_SHA256), else ENCRYPT_DECRYPT."""

    name: str
    versions: list[Version] = field(default_factory=list)
    signing: bool = False

    def rotate(self) -> Version:
        """Adds a new version and makes it the primary one."""
        secret = _p256() if self.signing else AESGCM.generate_key(256)
        self.versions.append(Version(len(self.versions) + 1, secret))
        return self.versions[-1]

    def disable(self, number: int) -> None:
        self.versions[number - 1].state = State.DISABLED

    def enable(self, number: int) -> None:
        self.versions[number - 1].state = State.ENABLED

    def schedule_destruction(self, number: int) -> None:
        self.versions[number - 1].state = State.DESTROY_SCHEDULED

    def destroy(self, number: int) -> None:
        self.versions[number - 1] = Version(number, b"", State.DESTROYED)

    def version_name(self, number: int) -> str:
        return f"{self.name}/cryptoKeyVersions/{number}"

    def encrypt(self, plaintext: bytes, context: bytes) -> tuple[bytes, Version]:
        version = self._usable(self.versions[-1])
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(version.secret).encrypt(nonce, plaintext, context)
        return version.number.to_bytes(_NUMBER, "big") + nonce + sealed, version

    def decrypt(self, ciphertext: bytes, context: bytes) -> tuple[bytes, Version]:
        number = int.from_bytes(ciphertext[:_NUMBER], "big")
        if len(ciphertext) < _NUMBER + _NONCE or not 0 < number <= len(self.versions):
            raise Undecryptable
        version = self._usable(self.versions[number - 1])
        nonce, sealed = ciphertext[_NUMBER : _NUMBER + _NONCE], ciphertext[_NUMBER + _NONCE :]
        try:
            return AESGCM(version.secret).decrypt(nonce, sealed, context), version
        except InvalidTag:
            raise Undecryptable from None

    def _usable(self, version: Version) -> Version:
        if version.state != State.ENABLED:
            name = self.version_name(version.number)
            raise NotEnabled(f"{name} is not enabled, current state is: {version.state}.")
        return version

    def version(self, number: int) -> Version:
        """Returns the version. Raises NotEnabled."""
        return self._usable(self.versions[number - 1])

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "signing": self.signing,
            "versions": [
                {"state": v.state.value, "secret": base64.b64encode(v.secret).decode()} for v in self.versions
            ],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        versions = [
            Version(number, base64.b64decode(item["secret"]), State(item["state"]))
            for number, item in enumerate(found["versions"], 1)
        ]
        return cls(found["name"], versions, found.get("signing", False))


def public_pem(version: Version) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return _private(version).public_key().public_bytes(encoding, form).decode()


def signature_of(version: Version, digest: bytes) -> bytes:
    return _private(version).sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def _p256() -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(encoding, form, serialization.NoEncryption())


def _private(version: Version) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_der_private_key(version.secret, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def load_keys(path: Path) -> dict[str, CryptoKey]:
    if not path.exists():
        return {}
    keys = [CryptoKey.from_json(item) for item in json.loads(path.read_text())]
    return {key.name: key for key in keys}


def save_keys(path: Path, keys: dict[str, CryptoKey]) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump([key.to_json() for key in keys.values()], file)
    Path(file.name).rename(path)
