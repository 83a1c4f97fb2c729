"""Encrypts the entries of the ledger. Imported only where a store has erasures: cryptography is slow to import."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12  # bytes


def encrypt(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    """Returns the AES-256-GCM ciphertext, after its nonce."""
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes | None:
    """Returns the plain bytes, or None if they are not authentic. Raises ValueError for a nonce of another length."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], associated)
    except InvalidTag:
        return None
