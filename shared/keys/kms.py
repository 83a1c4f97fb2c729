"""A wrapping key in Cloud KMS: the secret goes there and comes back, checked in both directions.

Cloud KMS checks and promises nothing by itself: CRC32C travel with each request, and what comes back is
held to them (see "Verifying end-to-end data integrity" in its documentation). Wrapping needs
roles/cloudkms.cryptoKeyEncrypter on the key and unwrapping roles/cloudkms.cryptoKeyDecrypter; nothing else.
"""

import re
from collections.abc import Callable
from typing import TypeVar

import google_crc32c
import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from shared.errors import KeyProblem, NotGood
from shared.settings import kms_endpoint

_SCHEME = "gcp-kms://"
_TRIES = 4  # of a request whose answer, or whose own bytes, were damaged on the way
_CALL_SECONDS = 15.0
_STATE = re.compile(r"current state is: (\w+)")

_NO_CREDENTIALS = (
    "no Google Cloud credentials that it takes: run on Cloud Run with a service account,"
    " or gcloud auth application-default login"
)

_PASSING = if_exception_type(
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.TooManyRequests,
    exceptions.Aborted,
)

Request = kms_v1.EncryptRequest | kms_v1.DecryptRequest
Answer = TypeVar("Answer", kms_v1.EncryptResponse, kms_v1.DecryptResponse)


class CloudKey:
    """`client` and `endpoint` are for tests; `patience` bounds the retries of one call, in seconds."""

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
        self._client = client
        self._endpoint = endpoint or kms_endpoint()
        self._patience = patience

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

        answer = self._ask(self._open().encrypt, request, is_sound)
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

        return bytes(self._ask(self._open().decrypt, request, is_sound).plaintext)

    def _ask(self, method: Callable[..., Answer], request: Request, is_sound: Callable[[Answer], bool]) -> Answer:
        retry = Retry(predicate=_PASSING, initial=0.1, multiplier=2.0, maximum=5.0, timeout=self._patience)
        for _ in range(_TRIES):
            try:
                answer = method(request=request, retry=retry, timeout=min(_CALL_SECONDS, self._patience))
            except exceptions.InvalidArgument as error:
                if "crc32c" in str(error):  # the request was damaged on its way
                    continue
                raise self._refusal(error, request) from None
            except (exceptions.GoogleAPIError, GoogleAuthError) as error:
                raise self._refusal(error, request) from None
            if is_sound(answer):
                return answer
        raise KeyProblem(
            f"Cloud KMS key {self._key}: {_TRIES} answers in a row were damaged or of another key;"
            " look at the network and what stands in it, then start again"
        )

    def _refusal(self, error: Exception, request: Request) -> KeyProblem | NotGood:
        """What a person should read. Of Google's own text only a version's state is passed on."""
        encrypting = isinstance(request, kms_v1.EncryptRequest)
        match error:
            case exceptions.PermissionDenied():
                role = "roles/cloudkms.cryptoKeyEncrypter" if encrypting else "roles/cloudkms.cryptoKeyDecrypter"
                what = f"permission denied, or there is no such key: grant this identity {role} on it"
            case exceptions.NotFound():
                what = "there is no such key: set BACKUP_KEY to one that exists"
            case exceptions.FailedPrecondition():
                state = _STATE.search(str(error))
                what = f"the key version cannot be used{f', it is {state[1]}' if state else ''}: enable it"
            case exceptions.InvalidArgument() if not encrypting:
                return NotGood(
                    f"Cloud KMS key {self._key} did not wrap this, or it was changed since: use the key that wrapped it"
                )
            case exceptions.InvalidArgument():
                what = "it refused to encrypt: BACKUP_KEY must be a symmetric key for ENCRYPT_DECRYPT"
            case exceptions.Unauthenticated() | GoogleAuthError():
                what = _NO_CREDENTIALS
            case exceptions.RetryError() | exceptions.ServiceUnavailable() | exceptions.DeadlineExceeded():
                what = f"out of reach for {self._patience:g} s: look at the network, then start again"
            case _:
                what = f"it answered {type(error).__name__}: see Cloud KMS in the Google Cloud console"
        return KeyProblem(f"Cloud KMS key {self._key}: {what}")

    def _is_version(self, name: str) -> bool:
        return re.fullmatch(re.escape(self._key) + r"/cryptoKeyVersions/\d+", name, re.ASCII) is not None

    def _open(self) -> kms_v1.KeyManagementServiceClient:
        if self._client is None:
            try:
                self._client = _plain_client(self._endpoint) if self._endpoint else _real_client()
            except (GoogleAuthError, OSError):
                raise KeyProblem(f"Cloud KMS key {self._key}: {_NO_CREDENTIALS}") from None
        return self._client


def _real_client() -> kms_v1.KeyManagementServiceClient:
    return kms_v1.KeyManagementServiceClient()


def _plain_client(endpoint: str) -> kms_v1.KeyManagementServiceClient:
    channel = grpc.insecure_channel(endpoint, options=[("grpc.enable_http_proxy", 0)])
    return kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
