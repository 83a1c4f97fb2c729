"""A wrapping key in Cloud KMS: the secret goes there and comes back, checked in both directions.

Wrapping needs roles/cloudkms.cryptoKeyEncrypter on the key and unwrapping roles/cloudkms.cryptoKeyDecrypter; nothing
else.
"""

import re

import google_crc32c
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.pagers import ListCryptoKeyVersionsPager

from shared.errors import KeyProblem, NotGood
from shared.keys.kms_calls import KmsCalls

_SCHEME = "gcp-kms://"
_MOST_VERSIONS = 1000


class CloudKey:
    """`client`, `endpoint` and `patience` are as in `KmsCalls`."""

    def __init__(
        self,
        uri: str,
        *,
        client: kms_v1.KeyManagementServiceClient | None = None,
        endpoint: str | None = None,
        patience: float = 60.0,
    ) -> None:
        self._key = uri.removeprefix(_SCHEME)
        self._version: str | None = None
        self._calls = KmsCalls(self._key, "BACKUP_KEY", client=client, endpoint=endpoint, patience=patience)

    @property
    def name(self) -> str:
        """The key version that wrapped last, or the key when none has yet."""
        return _SCHEME + (self._version or self._key)

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        request = kms_v1.EncryptRequest(
            name=self._key,
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

        answer = self._calls.ask(
            self._calls.open().encrypt,
            request,
            is_sound,
            "roles/cloudkms.cryptoKeyEncrypter",
            KeyProblem(
                f"Cloud KMS key {self._key}: it refused to encrypt: BACKUP_KEY must be a symmetric key for "
                "ENCRYPT_DECRYPT"
            ),
        )
        self._version = answer.name
        return bytes(answer.ciphertext)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        request = kms_v1.DecryptRequest(
            name=self._key,
            ciphertext=wrapped,
            ciphertext_crc32c=google_crc32c.value(wrapped),
            additional_authenticated_data=context,
            additional_authenticated_data_crc32c=google_crc32c.value(context),
        )

        def is_sound(answer: kms_v1.DecryptResponse) -> bool:
            return bool(answer.plaintext_crc32c == google_crc32c.value(answer.plaintext))

        answer = self._calls.ask(
            self._calls.open().decrypt,
            request,
            is_sound,
            "roles/cloudkms.cryptoKeyDecrypter",
            NotGood(
                f"Cloud KMS key {self._key} did not wrap this, or it was changed since: use the key that wrapped it"
            ),
        )
        return bytes(answer.plaintext)

    def version_states(self) -> dict[str, str]:
        """The state of each version by its name, of at most a thousand. It takes no right to decrypt."""

        def is_sound(pager: ListCryptoKeyVersionsPager) -> bool:
            return all(self._is_version(each.name) for each in pager.crypto_key_versions)

        pager = self._calls.ask(
            self._calls.open().list_crypto_key_versions,
            kms_v1.ListCryptoKeyVersionsRequest(parent=self._key, page_size=_MOST_VERSIONS),
            is_sound,
            "roles/cloudkms.viewer",
            KeyProblem(f"Cloud KMS key {self._key}: its versions cannot be listed"),
        )
        first = kms_v1.ListCryptoKeyVersionsResponse.pb(next(iter(pager.pages)))
        return {_SCHEME + each.name: _state_name(each.state) for each in first.crypto_key_versions}

    def _is_version(self, name: str) -> bool:
        return re.fullmatch(re.escape(self._key) + r"/cryptoKeyVersions/\d+", name, re.ASCII) is not None


def _state_name(number: int) -> str:
    """Returns `ENABLED` and the like; Cloud KMS may get states that this client's library does not know."""
    try:
        return str(kms_v1.CryptoKeyVersion.CryptoKeyVersionState(number).name)
    except ValueError:
        return f"UNKNOWN_{number}"
