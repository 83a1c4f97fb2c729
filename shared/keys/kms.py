"""A wrapping key in Cloud KMS. Requests and answers are checked by CRC32C.

Wrapping needs only roles/cloudkms.cryptoKeyEncrypter on the key, and unwrapping roles/cloudkms.cryptoKeyDecrypter.
"""

import re

import google_crc32c
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.pagers import ListCryptoKeyVersionsPager

from shared.errors import KeyProblem, NotGood
from shared.keys.kms_calls import SCHEME, KmsResource

_MOST_VERSIONS = 1000


class CloudKey(KmsResource):
    """A symmetric key in Cloud KMS."""

    setting = "BACKUP_KEY"
    _version: str | None = None

    @property
    def name(self) -> str:
        """The key version of the last `wrap`; the key itself before the first."""
        return SCHEME + (self._version or self._resource)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Encrypts `secret` with `context` as associated data. Raises KeyProblem."""
        request = kms_v1.EncryptRequest(
            name=self._resource,
            plaintext=secret,
            plaintext_crc32c=google_crc32c.value(secret),
            additional_authenticated_data=context,
            additional_authenticated_data_crc32c=google_crc32c.value(context),
        )

        def is_sound(answer: kms_v1.EncryptResponse) -> bool:
            return bool(
                answer.verified_plaintext_crc32c
                and answer.verified_additional_authenticated_data_crc32c
                and answer.ciphertext_crc32c == google_crc32c.value(answer.ciphertext)
                and self._is_version(answer.name)
            )

        answer = self._call(
            self._open_client().encrypt,
            request,
            is_sound,
            "roles/cloudkms.cryptoKeyEncrypter",
            KeyProblem(
                f"Cloud KMS key {self._resource} cannot encrypt: set BACKUP_KEY to a symmetric key for ENCRYPT_DECRYPT"
            ),
        )
        self._version = answer.name
        return bytes(answer.ciphertext)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypts `wrapped`. Raises KeyProblem, NotGood if this key did not wrap it with that context."""
        request = kms_v1.DecryptRequest(
            name=self._resource,
            ciphertext=wrapped,
            ciphertext_crc32c=google_crc32c.value(wrapped),
            additional_authenticated_data=context,
            additional_authenticated_data_crc32c=google_crc32c.value(context),
        )

        def is_sound(answer: kms_v1.DecryptResponse) -> bool:
            return bool(answer.plaintext_crc32c == google_crc32c.value(answer.plaintext))

        answer = self._call(
            self._open_client().decrypt,
            request,
            is_sound,
            "roles/cloudkms.cryptoKeyDecrypter",
            NotGood(
                f"Cloud KMS key {self._resource} did not wrap this, or it was changed since: "
                "use the key that wrapped it"
            ),
        )
        return bytes(answer.plaintext)

    def version_states(self) -> dict[str, str]:
        """Returns the state of each version by name, at most a thousand. This needs no right to decrypt."""

        def is_sound(pager: ListCryptoKeyVersionsPager) -> bool:
            return all(self._is_version(each.name) for each in pager.crypto_key_versions)

        pager = self._call(
            self._open_client().list_crypto_key_versions,
            kms_v1.ListCryptoKeyVersionsRequest(parent=self._resource, page_size=_MOST_VERSIONS),
            is_sound,
            "roles/cloudkms.viewer",
            KeyProblem(f"Cloud KMS key {self._resource}: its versions cannot be listed"),
        )
        first = kms_v1.ListCryptoKeyVersionsResponse.pb(next(iter(pager.pages)))
        return {SCHEME + each.name: _state_name(each.state) for each in first.crypto_key_versions}

    def _is_version(self, name: str) -> bool:
        return re.fullmatch(re.escape(self._resource) + r"/cryptoKeyVersions/\d+", name, re.ASCII) is not None


def _state_name(number: int) -> str:
    """Returns the name of a state, such as `ENABLED`. A state that the client library does not know has a number."""
    try:
        return str(kms_v1.CryptoKeyVersion.CryptoKeyVersionState(number).name)
    except ValueError:
        return f"UNKNOWN_{number}"
