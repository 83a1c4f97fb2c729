"""A signing key in Cloud KMS (EC_SIGN_P256_SHA256). Only the digest is sent, and the returned signature is verified.

Signing needs roles/cloudkms.signerVerifier on the key: cloudkms.cryptoKeyVersions.useToSign and viewPublicKey. If each
person has their own key, Cloud Audit Logs record who signed. Verifying needs no right and no network.
"""

import hashlib
from functools import cached_property

import google_crc32c
from google.cloud import kms_v1

from shared.errors import KeyProblem, UsageError
from shared.keys.kms_calls import KmsResource
from shared.statements.public_key import PublicKey

_ALGORITHM = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm.EC_SIGN_P256_SHA256
_ROLE = "roles/cloudkms.signerVerifier"


class CloudSigner(KmsResource):
    """A version of an asymmetric signing key in Cloud KMS."""

    setting = "BACKUP_SIGNING_KEY"

    @cached_property
    def public(self) -> PublicKey:
        """The public key, fetched once. Raises KeyProblem."""
        request = kms_v1.GetPublicKeyRequest(name=self._resource)

        def is_sound(answer: kms_v1.PublicKey) -> bool:
            return bool(answer.name == self._resource and answer.pem_crc32c == google_crc32c.value(answer.pem.encode()))

        answer = self._call(self._open_client().get_public_key, request, is_sound, _ROLE, self._wrong_algorithm())
        if answer.algorithm != _ALGORITHM:
            raise self._wrong_algorithm()
        try:
            return PublicKey.read(answer.pem)
        except UsageError as error:
            raise KeyProblem(f"Cloud KMS key {self._resource}: {error}") from None

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of `message`, after verifying it. Raises KeyProblem."""
        digest = hashlib.sha256(message).digest()
        request = kms_v1.AsymmetricSignRequest(
            name=self._resource,
            digest=kms_v1.Digest(sha256=digest),
            digest_crc32c=google_crc32c.value(digest),
        )
        public = self.public

        def is_sound(answer: kms_v1.AsymmetricSignResponse) -> bool:
            return bool(
                answer.verified_digest_crc32c
                and answer.signature_crc32c == google_crc32c.value(answer.signature)
                and answer.name == self._resource
                and public.verifies(message, answer.signature)
            )

        answer = self._call(self._open_client().asymmetric_sign, request, is_sound, _ROLE, self._wrong_algorithm())
        return bytes(answer.signature)

    def _wrong_algorithm(self) -> KeyProblem:
        return KeyProblem(
            f"Cloud KMS key {self._resource} cannot sign: set BACKUP_SIGNING_KEY to a version of a key for "
            "ASYMMETRIC_SIGN with EC_SIGN_P256_SHA256"
        )
