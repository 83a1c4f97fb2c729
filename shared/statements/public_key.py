"""Public signing keys: Ed25519 (key files) or P-256 (Cloud KMS). They verify offline."""

import hashlib
from functools import cached_property
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from shared.errors import UsageError

_LONGEST = 1000  # characters of a PEM that are read; ours have about 200

_Key = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class PublicKey:
    """A public key. Equal keys compare equal, however their PEM is formatted."""

    def __init__(self, key: _Key) -> None:
        self._key = key

    @classmethod
    def read(cls, pem: str) -> Self:
        """Parses a PEM. Raises UsageError if it is not an Ed25519 or P-256 public key."""
        try:
            key = serialization.load_pem_public_key(pem[:_LONGEST].encode())
        except (ValueError, UnsupportedAlgorithm):
            raise UsageError(
                "it is not the PEM of a public key: take what litekeep keygen --signing printed, or Cloud KMS shows"
            ) from None
        if isinstance(key, ed25519.Ed25519PublicKey):
            return cls(key)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return cls(key)
        raise UsageError("it is a public key of another kind: Ed25519 or P-256 (EC_SIGN_P256_SHA256) are allowed")

    @cached_property
    def id(self) -> str:
        """SHA-256 of the key in hex, by which signatures name it."""
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return hashlib.sha256(self._key.public_bytes(encoding, form)).hexdigest()

    @cached_property
    def pem(self) -> str:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(encoding, form).decode()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Returns whether `signature` is the private half's signature of exactly that message."""
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)
