"""Translates errors of Cloud Storage, its library and the network into StoreErrors: one line with what to do.

The original messages are not passed on, and neither is the exception as a cause: they can contain upload session
URLs, which work as credentials while the session lasts.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from requests.exceptions import InvalidJSONError, InvalidSchema, InvalidURL, MissingSchema, RequestException
from urllib3.exceptions import HTTPError

from shared.errors import StoreError

_LOGIN = "run gcloud auth application-default login, or name a key in GOOGLE_APPLICATION_CREDENTIALS"
# Google's library does not validate replies; it raises these for one that is not from Cloud Storage.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
_NO_REPLY = (
    "the response is not one of Cloud Storage (a field is missing or malformed, or it is not JSON): check for a proxy "
    "in between, and try again"
)
_HELD = {"retentionPolicyNotMet", "objectUnderActiveHold"}
_QUOTA = {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"}
_MEANINGS = {
    400: "Cloud Storage refused the request ({code}: malformed, or its checksum does not match): try again",
    401: "Google did not accept the credentials ({code}): " + _LOGIN,
    403: "permission denied ({code}): grant {right.permission}, as in {right.role}, on the bucket",
    404: "there is no such bucket ({code}): make it, or name another store",
}
_REASON = re.compile(r"[A-Za-z]{1,40}")


@dataclass(frozen=True)
class Right:
    """A permission on the bucket, and the smallest predefined role that contains it."""

    permission: str
    role: str


CREATE = Right("storage.objects.create", "roles/storage.objectCreator")
LIST = Right("storage.objects.list", "roles/storage.objectViewer")
READ = Right("storage.objects.get", "roles/storage.objectViewer")
DELETE = Right("storage.objects.delete", "roles/storage.objectUser")
UPDATE = Right("storage.objects.update", "roles/storage.objectUser")


@contextmanager
def bucket_errors(url: str, action: str, right: Right) -> Iterator[None]:
    """Raises errors of Cloud Storage in the block as a StoreError: `action`, which needs `right`, failed on `url`."""
    try:
        yield
    except (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, HTTPError, OSError) as error:
        raise StoreError(f"{action} failed in store {url}: {_what_to_do(error, right)}") from None
    except _MALFORMED:
        raise StoreError(f"{action} failed in store {url}: {_NO_REPLY}") from None


def _what_to_do(error: BaseException, right: Right) -> str:
    if isinstance(error, RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    if isinstance(error, DefaultCredentialsError):
        return f"no usable Google credentials were found: {_LOGIN}"
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return f"Google did not accept the credentials (expired or revoked?): {_LOGIN}"
    if isinstance(error, MissingSchema | InvalidSchema | InvalidURL):
        return "STORAGE_EMULATOR_HOST is not a URL: it begins with http:// or https://"
    status = _status(error)
    if status is not None:
        return _meaning_of(status, _reason(error), right)
    if isinstance(error, InvalidJSONError):
        return _NO_REPLY
    return f"Cloud Storage cannot be reached ({type(error).__name__}): check the network, and try again"


def _status(error: BaseException) -> int | None:
    """Returns the HTTP status, or None without a response. Errors of uploads carry it in their response only."""
    for found in (
        getattr(error, "code", None),
        getattr(getattr(error, "response", None), "status_code", None),
    ):
        if isinstance(found, int) and found >= 400:
            return int(found)
    return None


def _reason(error: BaseException) -> str:
    """Returns the reason code of the error, or "". The library parses it except for uploads and downloads."""
    errors: Any = getattr(error, "errors", None)
    try:
        answer: Any = getattr(error, "response", None)
        first = (errors or answer.json()["error"]["errors"])[0]
        reason = first["reason"]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return ""
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""


def _meaning_of(status: int, reason: str, right: Right) -> str:
    code = f"{status}, {reason}" if reason and reason != "forbidden" else str(status)
    if status == 429 or reason in _QUOTA:
        meaning = "Cloud Storage asks to slow down ({code}): try again later, or raise the quota"
    elif reason in _HELD:
        meaning = "a retention policy or a hold keeps the object ({code}): wait until it ends"
    else:
        meaning = _MEANINGS.get(status, "Cloud Storage answered {code}: try again later")
    return meaning.format(code=code, right=right)
