"""A signing key in Cloud KMS: EC_SIGN_P256_SHA256. The digest goes there, the signature comes back and is verified.

It needs roles/cloudkms.signerVerifier on the key: cloudkms.cryptoKeyVersions.useToSign and viewPublicKey. With IAM on
a key of one person's own, Cloud Audit Logs say who signed. Whoever verifies needs no right and no network.
"""

import hashlib
from functools import cached_property

import google_crc32c
from google.cloud import kms_v1

from shared.errors import KeyProblem, UsageError
from shared.keys.kms_calls import KmsCalls
from shared.statements import PublicKey

_SCHEME = "gcp-kms://"
_ALGORITHM = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm.EC_SIGN_P256_SHA256
_ROLE = "roles/cloudkms.signerVerifier"


class CloudSigner:
    """`client`, `endpoint` and `patience` are as in `KmsCalls`."""

    def __init__(
        self,
        uri: str,
        *,
        client: kms_v1.KeyManagementServiceClient | None = None,
        endpoint: str | None = None,
        patience: float = 60.0,
    ) -> None:
        self._version = uri.removeprefix(_SCHEME)
        self._calls = KmsCalls(self._version, "BACKUP_SIGNING_KEY", client=client, endpoint=endpoint, patience=patience)

    @cached_property
    def public(self) -> PublicKey:
        request = kms_v1.GetPublicKeyRequest(name=self._version)

        def is_sound(answer: kms_v1.PublicKey) -> bool:
            return bool(answer.name == self._version and answer.pem_crc32c == google_crc32c.value(answer.pem.encode()))

        answer = self._calls.ask(self._calls.open().get_public_key, request, is_sound, _ROLE, self._another_kind())
        if answer.algorithm != _ALGORITHM:
            raise self._another_kind()
        try:
            return PublicKey.read(answer.pem)
        except UsageError as error:
            raise KeyProblem(f"Cloud KMS key {self._version}: {error}") from None

    def sign(self, message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        request = kms_v1.AsymmetricSignRequest(
            name=self._version,
            digest=kms_v1.Digest(sha256=digest),
            digest_crc32c=google_crc32c.value(digest),
        )
        public = self.public

        def is_sound(answer: kms_v1.AsymmetricSignResponse) -> bool:
            return bool(
                answer.verified_digest_crc32c
                and answer.signature_crc32c == google_crc32c.value(answer.signature)
                and answer.name == self._version
                and public.verifies(message, answer.signature)
            )

        answer = self._calls.ask(self._calls.open().asymmetric_sign, request, is_sound, _ROLE, self._another_kind())
        return bytes(answer.signature)

    def _another_kind(self) -> KeyProblem:
        return KeyProblem(
            f"Cloud KMS key {self._version}: it refused to sign: BACKUP_SIGNING_KEY must be a version of a key for "
            "ASYMMETRIC_SIGN with EC_SIGN_P256_SHA256"
        )
