"""Signing keys: a file (Ed25519), or a version of a key in Cloud KMS (P-256)."""

from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import KeyProblem
from shared.keys.private_file import create_private, key_path, read_private
from shared.statements.envelope import Signer
from shared.statements.public_key import PublicKey


def open_signer(setting: str) -> Signer:
    """Opens the key that `BACKUP_SIGNING_KEY` names: `file:PATH` or `gcp-kms://…/cryptoKeyVersions/N`.

    Cloud KMS is not called before something is signed. Raises KeyProblem if a key file is missing, readable by others
    or malformed, UsageError if another user owns it or can write to it.
    """
    if setting.startswith("gcp-kms://"):
        from shared.keys.kms_signing import CloudSigner  # noqa: PLC0415 - Google's library takes 0.3 s to import

        return CloudSigner(setting)
    return SigningFile.read(key_path(setting))


class SigningFile:
    """An Ed25519 key in a file: unencrypted PKCS #8 in PEM, mode 0600."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a key file. Raises KeyProblem if it is missing, open to others, or not a signing key."""
        content = read_private(path, "BACKUP_SIGNING_KEY", f"for a first one, litekeep keygen --signing {path}")
        try:
            key = serialization.load_pem_private_key(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None  # the cause is dropped: its message could quote the key
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyProblem(
                f"key file {path} is not a key that `litekeep keygen --signing` made: restore it from where you keep it"
            )
        return cls(key)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Creates a key and its file, atomically and with mode 0600.

        Raises UsageError if `path` exists, KeyProblem if the folder cannot be written.
        """
        key = Ed25519PrivateKey.generate()
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        create_private(path, key.private_bytes(encoding, form, serialization.NoEncryption()))
        return cls(key)

    def sign(self, message: bytes) -> bytes:
        """Returns the Ed25519 signature of `message`."""
        return self._key.sign(message)
