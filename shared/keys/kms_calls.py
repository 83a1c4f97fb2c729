"""Calls to Cloud KMS, with retries while it is unavailable and for damaged answers, and with clear error lines.

Cloud KMS does not check the integrity of requests and answers by itself. Each request carries CRC32C checksums, and
each answer is checked against its own (see "Verifying end-to-end data integrity" in its documentation).
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from shared.errors import KeyDenied, KeyProblem, KeyVersionGone, LitekeepError
from shared.settings import kms_endpoint

SCHEME = "gcp-kms://"
_TRIES = 4  # for a damaged request, or a damaged answer
_CALL_SECONDS = 15.0
_STATE = re.compile(r"current state is: (\w+)")
_VERSION = re.compile(r"/cryptoKeyVersions/(\d+)", re.ASCII)

_NO_CREDENTIALS = (
    "Google Cloud credentials are missing or not accepted: run on Cloud Run with a service account,"
    " or gcloud auth application-default login"
)

_TRANSIENT = if_exception_type(
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.TooManyRequests,
    exceptions.Aborted,
)

Answer = TypeVar("Answer")


class KmsResource:
    """A key or a key version in Cloud KMS, and the calls on it. The base class of `CloudKey` and `CloudSigner`.

    `uri` is `gcp-kms://` and the resource's name. `client` and `endpoint` are for tests. `patience` limits the retries
    of one call, in seconds.
    """

    setting: ClassVar[str]  # the setting that names the resource, for error lines

    def __init__(
        self,
        uri: str,
        *,
        client: kms_v1.KeyManagementServiceClient | None = None,
        endpoint: str | None = None,
        patience: float = 60.0,
    ) -> None:
        self._resource = uri.removeprefix(SCHEME)
        self._client = client
        self._endpoint = endpoint or kms_endpoint()
        self._patience = patience

    def _call(
        self,
        method: Callable[..., Answer],
        request: Any,
        is_sound: Callable[[Answer], bool],
        role: str,
        invalid: LitekeepError,
    ) -> Answer:
        """Calls `method` and returns the first answer for which `is_sound` is true.

        `role` is the IAM role that the call needs. Raises KeyProblem, or `invalid` for an invalid argument.
        """
        retry = Retry(predicate=_TRANSIENT, initial=0.1, multiplier=2.0, maximum=5.0, timeout=self._patience)
        for _ in range(_TRIES):
            try:
                answer = method(request=request, retry=retry, timeout=min(_CALL_SECONDS, self._patience))
            except exceptions.InvalidArgument as error:
                # The request was damaged on its way. Cloud KMS documents no error detail for that: the status is the
                # one of any wrong argument, and only the message names the checksum's field. If the words change, the
                # request is not repeated and `invalid` is raised, which is an error too.
                if "crc32c" in str(error):
                    continue
                raise invalid from None
            except (exceptions.GoogleAPIError, GoogleAuthError) as error:
                raise self._refusal(error, role) from None
            if is_sound(answer):
                return answer
        raise KeyProblem(
            f"Cloud KMS key {self._resource}: {_TRIES} answers in a row were damaged or of another key;"
            " check the network and its proxies, then start again"
        )

    def _refusal(self, error: Exception, role: str) -> KeyProblem:
        """Returns the error line for a failed call. Of Google's message only the state of a version is repeated."""
        match error:
            case exceptions.PermissionDenied():
                what = f"permission denied, or there is no such key: grant this identity {role} on it"
                return KeyDenied(f"Cloud KMS key {self._resource}: {what}")
            case exceptions.NotFound():
                what = f"there is no such key: set {self.setting} to one that exists"
            case exceptions.FailedPrecondition():
                return self._not_enabled(str(error))
            case exceptions.Unauthenticated() | GoogleAuthError():
                what = _NO_CREDENTIALS
            case exceptions.RetryError() | exceptions.ServiceUnavailable() | exceptions.DeadlineExceeded():
                what = f"out of reach for {self._patience:g} s: check the network, then start again"
            case _:
                what = f"it answered {type(error).__name__}: see Cloud KMS in the Google Cloud console"
        return KeyProblem(f"Cloud KMS key {self._resource}: {what}")

    def _not_enabled(self, message: str) -> KeyVersionGone:
        state, named = _STATE.search(message), _VERSION.search(message)
        which = f"version {named[1]} of it" if named else "the key version"
        name = state[1] if state else ""
        what = f"{which} cannot be used{f', it is {name}' if name else ''}: {_remedy(name)}"
        return KeyVersionGone(f"Cloud KMS key {self._resource}: {what}")

    def _open_client(self) -> kms_v1.KeyManagementServiceClient:
        if self._client is None:
            try:
                self._client = (
                    _insecure_client(self._endpoint) if self._endpoint else kms_v1.KeyManagementServiceClient()
                )
            except (GoogleAuthError, OSError):
                raise KeyProblem(f"Cloud KMS key {self._resource}: {_NO_CREDENTIALS}") from None
        return self._client


def _remedy(state: str) -> str:
    """Returns how to make a key version in that state usable. A destroyed one cannot be."""
    return {
        "DESTROYED": "nothing brings it back; use a backup that another version wrapped",
        "DESTROY_SCHEDULED": "gcloud kms keys versions restore, then versions enable, before its time comes",
    }.get(state, "enable it (gcloud kms keys versions enable)")


def _insecure_client(endpoint: str) -> kms_v1.KeyManagementServiceClient:
    channel = grpc.insecure_channel(endpoint, options=[("grpc.enable_http_proxy", 0)])
    return kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
