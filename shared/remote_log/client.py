"""The only module that talks to Cloud Logging, through Google's own library.

Each entry carries an id, so that Cloud Logging stores it once even if it is sent again after a lost response.
Writing needs roles/logging.logWriter; reading needs roles/logging.viewer, or roles/logging.viewAccessor on the log's
bucket.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport
from google.cloud.logging_v2.types import ListLogEntriesRequest, LogEntry, WriteLogEntriesRequest
from google.protobuf import json_format

from shared.errors import LitekeepError
from shared.remote_log.lines import LogLine
from shared.settings import logging_endpoint

_PAGE = 1000
_MOST = 100_000  # entries read at most
_SEVERITIES = {"INFO": 200, "NOTICE": 300, "WARNING": 400, "ERROR": 500, "CRITICAL": 600, "EMERGENCY": 800}
_NO_CREDENTIALS = "no valid Google Cloud credentials: run gcloud auth application-default login"
_TRANSIENT = if_exception_type(
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.TooManyRequests,
)


class LoggingFailed(LitekeepError):
    """Cloud Logging refused the request or is not reachable."""


class CloudLog:
    """The log `projects/P/logs/NAME`. `labels` are added to each line written.

    `patience` is the time limit of one call including its retries, in seconds.
    """

    def __init__(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        endpoint: str | None = None,
        patience: float = 10.0,
    ) -> None:
        self.name = name
        self._labels = dict(labels or {})
        self._project = name.split("/")[1]
        self._endpoint = endpoint or logging_endpoint()
        self._patience = patience
        self._client: LoggingServiceV2Client | None = None

    def write(self, lines: Sequence[LogLine]) -> None:
        """Writes all lines. Raises LoggingFailed."""
        resource: Any = {"type": "global", "labels": {"project_id": self._project}}
        entries = [_entry(line) for line in lines]
        request = WriteLogEntriesRequest(log_name=self.name, resource=resource, labels=self._labels, entries=entries)
        self._call("write_log_entries", request, "roles/logging.logWriter")

    def read(self, wanted: Mapping[str, str], since: datetime) -> Iterator[dict[str, Any]]:
        """Yields the fields of entries from `since` on with exactly these values, by arrival; at most 100,000."""
        parts = [f'logName="{self.name}"', f'timestamp>="{since.isoformat()}"']
        parts += [f"jsonPayload.{name}={json.dumps(value)}" for name, value in wanted.items()]
        request = ListLogEntriesRequest(
            resource_names=[f"projects/{self._project}"],
            filter=" AND ".join(parts),
            order_by="timestamp asc",
            page_size=_PAGE,
        )
        entries = []
        pages = self._call("list_log_entries", request, "roles/logging.viewer")
        try:
            for number, entry in enumerate(pages):
                if number >= _MOST:
                    break
                entries.append((entry.receive_timestamp, _fields(entry)))
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise self._refusal(error, "roles/logging.viewer") from None
        for _, fields in sorted(entries, key=lambda each: each[0]):
            if wanted.items() <= fields.items():  # the filter itself ignores case
                yield fields

    def _call(self, method: str, request: Any, role: str) -> Any:
        retry = Retry(predicate=_TRANSIENT, initial=0.1, multiplier=2.0, maximum=5.0, timeout=self._patience)
        try:
            call = getattr(self._open(), method)
            return call(request=request, retry=retry, timeout=self._patience)
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise self._refusal(error, role) from None

    def _refusal(self, error: Exception, role: str) -> LoggingFailed:
        match error:
            case exceptions.PermissionDenied():
                reason = f"permission denied, or there is no such project: grant this identity {role}"
            case exceptions.Unauthenticated() | GoogleAuthError():
                reason = _NO_CREDENTIALS
            case exceptions.RetryError() | exceptions.ServiceUnavailable() | exceptions.DeadlineExceeded():
                reason = f"not reachable for {self._patience:g} s: check the network"
            case _:
                reason = f"the call failed with {type(error).__name__}; try again later"
        return LoggingFailed(f"Cloud Logging {self.name}: {reason}")

    def _open(self) -> LoggingServiceV2Client:
        if self._client is None:
            try:
                self._client = _plain_client(self._endpoint) if self._endpoint else LoggingServiceV2Client()
            except (GoogleAuthError, OSError) as error:
                raise LoggingFailed(f"Cloud Logging {self.name}: {_NO_CREDENTIALS} ({type(error).__name__})") from None
        return self._client


def _entry(line: LogLine) -> LogEntry:
    severity: Any = _SEVERITIES[line.severity]
    return LogEntry(insert_id=line.id, timestamp=line.time, severity=severity, json_payload=dict(line.fields))


def _fields(entry: Any) -> dict[str, Any]:
    """Returns the entry's JSON payload as plain values."""
    to_dict: Any = json_format.MessageToDict  # untyped
    fields: dict[str, Any] = to_dict(type(entry).pb(entry).json_payload)
    return fields


def _plain_client(endpoint: str) -> LoggingServiceV2Client:
    channel = grpc.insecure_channel(endpoint, options=[("grpc.enable_http_proxy", 0)])
    return LoggingServiceV2Client(transport=LoggingServiceV2GrpcTransport(channel=channel))
