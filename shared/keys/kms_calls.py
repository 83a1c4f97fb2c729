"""How Cloud KMS is called: retried while it is away, asked again when an answer came damaged, clear when it refuses.

Cloud KMS checks and promises nothing by itself: CRC32C travel with each request, and what comes back is
held to them (see "Verifying end-to-end data integrity" in its documentation).
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from shared.errors import KeyDenied, KeyProblem, KeyVersionGone, LitekeepError
from shared.settings import kms_endpoint

_TRIES = 4  # of a request whose answer, or whose own bytes, were damaged on the way
_CALL_SECONDS = 15.0
_STATE = re.compile(r"current state is: (\w+)")
_VERSION = re.compile(r"/cryptoKeyVersions/(\d+)", re.ASCII)

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

Answer = TypeVar("Answer")


class KmsCalls:
    """Calls about one key, which `setting` names.

    `client` and `endpoint` are for tests; `patience` bounds the retries of one call, in seconds.
    """

    def __init__(
        self,
        key: str,
        setting: str,
        *,
        client: kms_v1.KeyManagementServiceClient | None = None,
        endpoint: str | None = None,
        patience: float = 60.0,
    ) -> None:
        self._key = key
        self._setting = setting
        self._client = client
        self._endpoint = endpoint or kms_endpoint()
        self._patience = patience

    def ask(
        self,
        method: Callable[..., Answer],
        request: Any,
        is_sound: Callable[[Answer], bool],
        role: str,
        wrong: LitekeepError,
    ) -> Answer:
        """The answer, once it is sound. `role` is what the call needs, `wrong` what an invalid argument means.

        Raises KeyProblem, or `wrong`.
        """
        retry = Retry(predicate=_PASSING, initial=0.1, multiplier=2.0, maximum=5.0, timeout=self._patience)
        for _ in range(_TRIES):
            try:
                answer = method(request=request, retry=retry, timeout=min(_CALL_SECONDS, self._patience))
            except exceptions.InvalidArgument as error:
                if "crc32c" in str(error):  # the request was damaged on its way
                    continue
                raise wrong from None
            except (exceptions.GoogleAPIError, GoogleAuthError) as error:
                raise self._refusal(error, role) from None
            if is_sound(answer):
                return answer
        raise KeyProblem(
            f"Cloud KMS key {self._key}: {_TRIES} answers in a row were damaged or of another key;"
            " look at the network and what stands in it, then start again"
        )

    def _refusal(self, error: Exception, role: str) -> KeyProblem:
        """What a person should read. Of Google's own text only a version's state is passed on."""
        match error:
            case exceptions.PermissionDenied():
                what = f"permission denied, or there is no such key: grant this identity {role} on it"
                return KeyDenied(f"Cloud KMS key {self._key}: {what}")
            case exceptions.NotFound():
                what = f"there is no such key: set {self._setting} to one that exists"
            case exceptions.FailedPrecondition():
                return self._not_enabled(str(error))
            case exceptions.Unauthenticated() | GoogleAuthError():
                what = _NO_CREDENTIALS
            case exceptions.RetryError() | exceptions.ServiceUnavailable() | exceptions.DeadlineExceeded():
                what = f"out of reach for {self._patience:g} s: look at the network, then start again"
            case _:
                what = f"it answered {type(error).__name__}: see Cloud KMS in the Google Cloud console"
        return KeyProblem(f"Cloud KMS key {self._key}: {what}")

    def _not_enabled(self, said: str) -> KeyVersionGone:
        state, named = _STATE.search(said), _VERSION.search(said)
        which = f"version {named[1]} of it" if named else "the key version"
        name = state[1] if state else ""
        what = f"{which} cannot be used{f', it is {name}' if name else ''}: {what_to_do(name)}"
        return KeyVersionGone(f"Cloud KMS key {self._key}: {what}")

    def open(self) -> kms_v1.KeyManagementServiceClient:
        if self._client is None:
            try:
                self._client = _plain_client(self._endpoint) if self._endpoint else _real_client()
            except (GoogleAuthError, OSError):
                raise KeyProblem(f"Cloud KMS key {self._key}: {_NO_CREDENTIALS}") from None
        return self._client


def what_to_do(state: str) -> str:
    """Returns what makes a key version in that state usable. Nobody can enable a destroyed one."""
    return {
        "DESTROYED": "nothing brings it back; use a backup that another version wrapped",
        "DESTROY_SCHEDULED": "gcloud kms keys versions restore, then versions enable, before its time comes",
    }.get(state, "enable it (gcloud kms keys versions enable)")


def _real_client() -> kms_v1.KeyManagementServiceClient:
    return kms_v1.KeyManagementServiceClient()


def _plain_client(endpoint: str) -> kms_v1.KeyManagementServiceClient:
    channel = grpc.insecure_channel(endpoint, options=[("grpc.enable_http_proxy", 0)])
    return kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
